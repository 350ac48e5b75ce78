// Numbers in bfloat16, what is dropped of numbers, and a product in registers.

#pragma once

#include "vectors.h"

extern "C" {

// What Python fills in: see mt/kernels/native.py.
struct Dropout {
    uint64_t seed;
    uint32_t threshold;  // of 2^32 draws so many are dropped
    float scale;         // of what stays
};
}

namespace {

struct bfloat16 {
    uint16_t bits;
};

inline float widen(float number) { return number; }

inline float widen(bfloat16 number) {
    const uint32_t bits = uint32_t(number.bits) << 16;
    float wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

template <class T> inline T narrow(float number);

template <> inline float narrow<float>(float number) { return number; }

// To the nearest, and of two to the even one.
template <> inline bfloat16 narrow<bfloat16>(float number) {
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    const uint32_t nearest = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return bfloat16{uint16_t(number == number ? nearest : 0x7fc0)};
}

// What element number `index` is multiplied by. The same seed draws the same again, so that the
// backward pass needs no memory of it.
//
// Counter, key, and rounds of xorshift and multiplication; the last two rounds are the hash
// lowbias32 of Wellons (2018, Prospecting for hash functions).
inline float factor(const Dropout &dropout, uint32_t index) {
    uint32_t x = index * 0x9e3779b9u + uint32_t(dropout.seed);
    x = (x ^ x >> 16) * 0x21f0aaadu;
    x = (x ^ x >> 15) + uint32_t(dropout.seed >> 32);
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    x ^= x >> 16;
    return x < dropout.threshold ? 0 : dropout.scale;
}

// WIDTH numbers that lie side by side.
inline Vector read(const float *from) {
    Vector numbers;
    memcpy(&numbers, from, sizeof numbers);
    return numbers;
}

inline Vector read(const bfloat16 *from) {
    typedef uint16_t Halves __attribute__((vector_size(VECTOR_BYTES / 2)));
    Halves halves;
    memcpy(&halves, from, sizeof halves);
    const Unsigned bits = __builtin_convertvector(halves, Unsigned) << 16;
    Vector numbers;
    memcpy(&numbers, &bits, sizeof numbers);
    return numbers;
}

// Do something with each index, and with WIDTH of them at once as long as there are so many.
template <class Body> inline void each(long count, Body body) {
    long first = 0;
    for (; first + WIDTH <= count; first += WIDTH)
#pragma omp simd
        for (long i = first; i < first + WIDTH; i++) body(i);
    for (long i = first; i < count; i++) body(i);
}

// Add to `sums` a product of COUNT rows and VECTORS vectors of columns, all in registers.
template <int COUNT, int VECTORS>
inline void multiply_block(const float *a, long down, long right, const float *b, long wide, long inner,
                           Vector (&sums)[COUNT][VECTORS]) {
    for (long k = 0; k < inner; k++)
        for (int v = 0; v < VECTORS; v++) {
            const Vector factors = *(const Vector *)(b + k * wide + v * WIDTH);
            for (int row = 0; row < COUNT; row++)
                sums[row][v] += a[row * down + k * right] * factors;
        }
}

}  // namespace
