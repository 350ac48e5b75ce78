// Numbers that the compiler computes with side by side, and what is made of them; for all C++ here.

#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __AVX512F__
#pragma GCC target("prefer-vector-width=512")
#endif

#ifndef VECTOR_BYTES  // who includes this may choose 16 or 32
#define VECTOR_BYTES 64
#endif

namespace {

// Numbers that are added or multiplied at once. What is wider than a register the compiler keeps in
// memory, which takes many times as long.
typedef float Vector __attribute__((vector_size(VECTOR_BYTES), may_alias));
constexpr long WIDTH = VECTOR_BYTES / sizeof(float);

typedef int32_t Integers __attribute__((vector_size(VECTOR_BYTES), may_alias));

typedef uint32_t Unsigned __attribute__((vector_size(VECTOR_BYTES)));

// 2 to the power of whole numbers, times y.
inline float scale(float y, float power) {
    uint32_t bits;
    memcpy(&bits, &y, sizeof y);
    bits += uint32_t(int32_t(power)) << 23;
    memcpy(&y, &bits, sizeof y);
    return y;
}
inline Vector scale(Vector y, Vector powers) {
    Unsigned bits;
    memcpy(&bits, &y, sizeof y);
    bits += (Unsigned)__builtin_convertvector(powers, Integers) << 23;
    memcpy(&y, &bits, sizeof y);
    return y;
}

// exp(x) for x up to 0; 0 below -87.
//
// 2^n * exp(r), where n is the integer nearest to x / ln 2, with the polynomial of Cephes (expf).
template <class Number> inline Number exponential(Number exact) {
    const Number x = exact < -87.0f ? Number{} - 87.0f : exact;
    const float round = 12582912;  // 1.5 * 2^23: adding it leaves no digit behind the point
    const Number n = (x * 1.44269504f + round) - round;
    const Number r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    Number y = r * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1.0f;
    return exact < -87.0f ? Number{} : scale(y, n);
}

typedef int32_t Four __attribute__((vector_size(16)));

// Fold what an operation leaves in each of WIDTH lanes into four.
template <class Lanes, class Operation> inline auto fold_to_four(Lanes lanes, Operation both) {
    if constexpr (sizeof lanes == sizeof(Four)) {
        return lanes;
    } else {
        typedef decltype(lanes[0] + 0) Number;
        typedef Number Half __attribute__((vector_size(sizeof(Lanes) / 2)));
        Half halves[2];
        memcpy(halves, &lanes, sizeof halves);
        return fold_to_four(both(halves[0], halves[1]), both);
    }
}

// Fold what an operation leaves in each of WIDTH lanes into one number.
template <class Lanes, class Operation> inline auto fold(Lanes lanes, Operation both) {
    const auto four = fold_to_four(lanes, both);
    const auto two = both(four, __builtin_shuffle(four, Four{2, 3, 0, 1}));
    return both(two, __builtin_shuffle(two, Four{1, 0, 3, 2}))[0];
}

// The same of four at once, in fewer steps where they are wide.
#if VECTOR_BYTES == 64
template <class Lanes, class Operation>
inline auto fold(const Lanes (&of)[4], Operation both) {
    const Integers low = {0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29};
    const Integers first = {0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29};
    Lanes pairs[2];
    for (int i = 0; i < 2; i++)
        pairs[i] = both(__builtin_shuffle(of[2 * i], of[2 * i + 1], low),
                        __builtin_shuffle(of[2 * i], of[2 * i + 1], low + 2));
    return fold_to_four(both(__builtin_shuffle(pairs[0], pairs[1], first),
                              __builtin_shuffle(pairs[0], pairs[1], first + 2)), both);
}

#else
template <class Lanes, class Operation>
inline auto fold(const Lanes (&of)[4], Operation both) {
    typedef decltype(of[0][0] + 0) Number;
    typedef Number Quarter __attribute__((vector_size(16)));
    return Quarter{fold(of[0], both), fold(of[1], both), fold(of[2], both), fold(of[3], both)};
}
#endif

template <class Lanes> inline auto sum(const Lanes &lanes) {
    return fold(lanes, [](auto a, auto b) { return a + b; });
}

template <class Lanes> inline auto largest(const Lanes &lanes) {
    return fold(lanes, [](auto a, auto b) { return a > b ? a : b; });
}

inline long round_up(long number, long step) { return (number + step - 1) / step * step; }

}  // namespace
