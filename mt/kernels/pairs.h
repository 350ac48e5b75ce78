// Products of matrices of bfloat16 numbers, for processors that multiply pairs of them.
//
// What is multiplied is rounded to bfloat16, and all sums are float. An instruction multiplies, in each
// of 16 lanes, two numbers by two others, and adds both products. So what is summed over comes in
// pairs of numbers that lie side by side: those of a row of a left matrix mostly are where they are,
// those of a right matrix are two of its rows, interleaved. A right matrix lies in panels of so many columns as
// are computed together. What is summed over is even in number, or filled up with zeros.

#pragma once

#include "room.h"

#ifdef __AVX512BF16__

#include <immintrin.h>

#include <type_traits>

namespace {
namespace pairs {

typedef uint16_t Half;                              // a bfloat16, as bits
typedef uint32_t Pair __attribute__((may_alias));  // two of them, the first in the lower bits

constexpr int ROWS = 8;                  // of a product that are computed together
constexpr int VECTORS = 2;               // of columns, likewise
constexpr long PANEL = VECTORS * WIDTH;  // columns, that is
constexpr long AHEAD = 16;               // rows between those that are read and those asked for

inline long least(long one, long other) { return one < other ? one : other; }

// The lanes of a panel's vectors in which there are columns, when so many are left.
struct Lanes {
    __mmask16 of[VECTORS];

    explicit Lanes(long columns) {
        for (int v = 0; v < VECTORS; v++) {
            const long left = columns - v * WIDTH;
            of[v] = left >= WIDTH ? 0xffff : left > 0 ? (1 << left) - 1 : 0;
        }
    }
};

inline __m256i narrow(__m512 numbers) { return (__m256i)_mm512_cvtneps_pbh(numbers); }

inline __m512 load(__mmask16 those, const float *from) {
    return _mm512_maskz_loadu_ps(those, from);
}

inline void store(float *to, __mmask16 those, __m512 numbers) {
    _mm512_mask_storeu_ps(to, those, numbers);
}

inline void store(Half *to, __mmask16 those, __m512 numbers) {
    _mm256_mask_storeu_epi16(to, those, narrow(numbers));
}

inline __m512i load_halves(__mmask16 those, const Half *from) {
    return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(those, from));
}

inline __m512i load_halves(__mmask16 those, const float *from) {
    return _mm512_cvtepu16_epi32(narrow(load(those, from)));
}

// Ask for a part of a row, which will be written or read soon.
template <class Number> inline void prefetch_panel(const Number *row) {
    for (long i = 0; i < PANEL; i += 64 / sizeof(Number)) __builtin_prefetch(row + i);
}

// Ask for a vector of two rows that will be read soon: they lie apart, and no processor expects them.
template <class Number> inline void prefetch_pair(const Number *row, long wide) {
    __builtin_prefetch(row + AHEAD * wide);
    __builtin_prefetch(row + (AHEAD + 1) * wide);
}

inline __m512i interleave(__m512i first, __m512i second) {
    return _mm512_or_si512(first, _mm512_slli_epi32(second, 16));
}

// Of two rows, the second perhaps missing, the numbers of some lanes, interleaved.
template <class Number>
inline __m512i interleave(__mmask16 those, const Number *first, const Number *second) {
    return interleave(load_halves(those, first), load_halves(second ? those : 0, second));
}

// A panel of a matrix: so many of its columns, and all of its rows, which begin `wide` apart.
template <class Number>
void interleave_panel(const Number *from, long rows, long wide, long columns, Pair *to) {
    const Lanes those(columns);
    for (long row = 0; row < rows; row += 2, from += 2 * wide)
        for (int v = 0; v < VECTORS; v++, to += WIDTH) {
            const Number *first = from + v * WIDTH;
            const Number *second = row + 1 < rows ? first + wide : nullptr;
            prefetch_pair(first, wide);
            _mm512_storeu_si512(to, interleave(those.of[v], first, second));
        }
}

// Transpose a square of numbers, one vector a row.
inline void transpose(__m512i (&square)[16]) {
    __m512i other[16];
    for (int i = 0; i < 16; i += 2) {  // squares of 2 x 2 numbers
        other[i] = _mm512_unpacklo_epi32(square[i], square[i + 1]);
        other[i + 1] = _mm512_unpackhi_epi32(square[i], square[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)  // of 4 x 4
        for (int j = 0; j < 2; j++) {
            square[i + 2 * j] = _mm512_unpacklo_epi64(other[i + j], other[i + 2 + j]);
            square[i + 2 * j + 1] = _mm512_unpackhi_epi64(other[i + j], other[i + 2 + j]);
        }
    for (int i = 0; i < 4; i++)  // of 8 x 8
        for (int j = 0; j < 2; j++) {
            const __m512i above = square[8 * j + i], below = square[8 * j + 4 + i];
            other[8 * j + i] = _mm512_shuffle_i32x4(above, below, 0x88);
            other[8 * j + 4 + i] = _mm512_shuffle_i32x4(above, below, 0xdd);
        }
    for (int i = 0; i < 8; i++) {
        square[i] = _mm512_shuffle_i32x4(other[i], other[8 + i], 0x88);
        square[8 + i] = _mm512_shuffle_i32x4(other[i], other[8 + i], 0xdd);
    }
}

// A transposed matrix in panels: its rows, which begin `wide` numbers apart, become columns. Columns are
// even in number.
inline void turn_panels(const Half *from, long rows, long wide, long columns, Pair *to) {
    const long pairs = columns / 2;
    for (long row = 0; row < rows; row += WIDTH)
        for (long k = 0; k < pairs; k += WIDTH) {
            const __mmask16 those = Lanes(pairs - k).of[0];
            __m512i square[16];
            for (long i = 0; i < 16; i++)
                square[i] = _mm512_maskz_loadu_epi32(row + i < rows ? those : 0,
                                                     from + (row + i) * wide + 2 * k);
            transpose(square);
            Pair *panel = to + row / PANEL * PANEL * pairs + k * PANEL + row % PANEL;
            for (long i = 0; i < 16 && k + i < pairs; i++)
                _mm512_storeu_si512(panel + i * PANEL, square[i]);
        }
}

// Numbers that the panels of a matrix take.
inline long panels_of(long summed, long columns) {
    return round_up(columns, PANEL) * ((summed + 1) / 2);
}

// What is told to be inlined, as what it computes with is in registers then.
#define INLINED __attribute__((always_inline))

// Do something with ROWS rows at a time, and with fewer of those that are left. The number is a
// constant, so that sums are in registers from their beginning to their end.
template <int COUNT = ROWS, class Body> inline void by_rows(long rows, Body body, long row = 0) {
    for (; row + COUNT <= rows; row += COUNT) body(std::integral_constant<int, COUNT>(), row);
    if constexpr (COUNT > 1) by_rows<COUNT / 2>(rows, body, row);
}

// Do something with the columns of each panel; the number of its vectors is a constant.
template <class Body> inline void by_panels(long columns, Body body) {
    long column = 0;
    for (; column + WIDTH < columns; column += PANEL)
        body(std::integral_constant<int, VECTORS>(), column);
    if (column < columns) body(std::integral_constant<int, 1>(), column);
}

// A left matrix: pairs of a row lie side by side, and rows begin so many pairs apart.
struct Rows {
    const Pair *data;
    long apart;

    Rows from(long row) const { return {data + row * apart, apart}; }
    Pair at(long row, long k) const { return data[row * apart + k]; }
};

// A left matrix: pairs of a column lie side by side, and columns begin so many pairs apart.
template <class Distance = long> struct Columns {
    const Pair *data;
    Distance apart;

    Columns from(long row) const { return {data + row, apart}; }
    Pair at(long row, long k) const { return data[k * apart + row]; }
};

// Add the product of COUNT rows and some vectors of a panel.
template <int COUNT, int SOME, class Left>
inline void multiply(const Left &x, const Pair *panel, long pairs, __m512 (&sums)[COUNT][SOME]) {
    for (long k = 0; k < pairs; k++) {
        __m512i columns[SOME];
        for (int v = 0; v < SOME; v++)
            columns[v] = _mm512_loadu_si512(panel + k * PANEL + v * WIDTH);
        for (int row = 0; row < COUNT; row++) {
            const __m512i both = _mm512_set1_epi32(x.at(row, k));
            for (int v = 0; v < SOME; v++)
                sums[row][v] = _mm512_dpbf16_ps(sums[row][v], (__m512bh)both, (__m512bh)columns[v]);
        }
    }
}

inline void round_to_half(const float *from, long count, Half *to) {
    for (long i = 0; i < count; i += WIDTH) {
        const __mmask16 those = Lanes(count - i).of[0];
        store(to + i, those, load(those, from + i));
    }
}

// Where a vector of a product is written, and what becomes of it there.
template <class Number> struct Matrix {
    Number *data;
    long columns;

    Number *at(long row, long column) const { return data + row * columns + column; }
    void prefetch(long row, long column) const { prefetch_panel(at(row, column)); }
    void put(long row, long column, __mmask16 those, __m512 sum) const {
        store(at(row, column), those, sum);
    }
};

// y = x B + bias for some rows, where B lies in panels.
template <class Left, class Output>
void multiply_rows(const Left &x, long rows, long inner, const Pair *panels, const float *bias,
                   long columns, const Output &y) {
    const long pairs = (inner + 1) / 2;
    by_panels(columns, [=](auto vectors, long column) INLINED {
        const Lanes those(columns - column);
        by_rows(rows, [=](auto count, long row) INLINED {
            constexpr int COUNT = count, SOME = vectors;
            for (int i = 0; i < COUNT; i++) y.prefetch(row + i, column);
            __m512 sums[COUNT][SOME];
            for (int v = 0; v < SOME; v++) {
                const __m512 added = load(bias ? those.of[v] : 0, bias + column + v * WIDTH);
                for (int i = 0; i < COUNT; i++) sums[i][v] = added;
            }
            multiply(x.from(row), panels + column * pairs, pairs, sums);
            for (int v = 0; v < SOME; v++)
                for (int i = 0; i < COUNT; i++)
                    y.put(row + i, column + v * WIDTH, those.of[v], sums[i][v]);
        });
    });
}

}  // namespace pairs
}  // namespace

#endif
