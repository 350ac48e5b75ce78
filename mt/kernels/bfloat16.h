// Linear layers, cross-entropy of what one puts out, and gradients of both, for processors that
// multiply pairs of bfloat16 numbers.
//
// What is multiplied is rounded to bfloat16, and all sums are float. An instruction multiplies, in each
// of 16 lanes, two numbers by two others, and adds both products. So what is summed over comes in
// pairs of numbers that lie side by side: those of a row of a left matrix are where they are, those of
// a right matrix are two of its rows, interleaved. A right matrix lies in panels of so many columns as
// are computed together. What is summed over is even in number.
//
// No sum is divided among threads, so that results do not depend on how many there are.

#pragma once

#include "room.h"

#ifdef __AVX512BF16__

#include <immintrin.h>
#include <omp.h>

namespace {
namespace pairs {

typedef uint16_t Half;  // a bfloat16, as bits
typedef uint32_t Pair;  // two of them, the first in the lower bits

constexpr int ROWS = 8;                  // of a product that are computed together
constexpr int VECTORS = 2;               // of columns, likewise
constexpr long PANEL = VECTORS * WIDTH;  // columns, that is
constexpr long BLOCK = 64;               // rows that a thread takes at once
constexpr long LOGITS = 16;              // rows of logits that it holds at once, in its cache
constexpr long CHUNK = 512;              // rows that are added to a weight's gradient at once
constexpr float LOWEST = -1e30f;         // a logit of no probability
constexpr uint32_t ONES = 0x3f803f80;    // a pair of ones

typedef __m512 Sums[ROWS][VECTORS];

inline long least(long one, long other) { return one < other ? one : other; }

// Pairs of rows of a chunk of which so many rows are left.
inline long count_pairs(long rows) { return (least(CHUNK, rows) + 1) / 2; }

// The lanes of a panel's vector in which there are columns, when so many are left.
inline __mmask16 lanes(long columns, int vector) {
    const long left = columns - vector * WIDTH;
    return left >= WIDTH ? 0xffff : left > 0 ? (1 << left) - 1 : 0;
}

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
    for (long row = 0; row < rows; row += 2, from += 2 * wide)
        for (int v = 0; v < VECTORS; v++, to += WIDTH) {
            const Number *first = from + v * WIDTH;
            const Number *second = row + 1 < rows ? first + wide : nullptr;
            _mm512_storeu_si512(to, interleave(lanes(columns, v), first, second));
        }
}

// A panel of a transposed matrix: so many of its rows, and all of its columns.
void turn_panel(const float *from, long rows, long columns, Pair *to) {
    const __m512i number = {0x100000000, 0x300000002, 0x500000004, 0x700000006,
                            0x900000008, 0xb0000000a, 0xd0000000c, 0xf0000000e};
    const __m512i apart = _mm512_mullo_epi32(number, _mm512_set1_epi32(columns));
    const auto gather = [=](__mmask16 those, const float *at) {
        const auto found = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), those, apart, at, 4);
        return _mm512_cvtepu16_epi32(narrow(found));
    };
    for (long column = 0; column < columns; column += 2)
        for (int v = 0; v < VECTORS; v++, to += WIDTH) {
            const float *at = from + v * WIDTH * columns + column;
            const __mmask16 those = lanes(rows, v);
            _mm512_storeu_si512(to, interleave(gather(those, at), gather(those, at + 1)));
        }
}

// Numbers that the panels of a matrix take.
inline long panels_of(long summed, long columns) {
    return round_up(columns, PANEL) * ((summed + 1) / 2);
}

// W^T in panels; each thread makes its share.
void turn(const float *weight, long inputs, long outputs, Pair *panels) {
#pragma omp for schedule(static)
    for (long n = 0; n < outputs; n += PANEL)
        turn_panel(weight + n * inputs, least(PANEL, outputs - n), inputs, panels + n * (inputs / 2));
}

// W in panels; each thread makes its share.
void interleave(const float *weight, long inputs, long outputs, Pair *panels) {
#pragma omp for schedule(static)
    for (long k = 0; k < inputs; k += PANEL)
        interleave_panel(weight + k, outputs, inputs, least(PANEL, inputs - k),
                         panels + k * (outputs / 2));
}

// x in panels, chunk by chunk of its rows; each thread makes its share.
void interleave_chunks(const Half *x, long rows, long inputs, Pair *panels) {
#pragma omp for schedule(static)
    for (long row = 0; row < rows; row += CHUNK) {
        Pair *chunk = panels + row / 2 * round_up(inputs, PANEL);
        for (long k = 0; k < inputs; k += PANEL)
            interleave_panel(x + row * inputs + k, least(CHUNK, rows - row), inputs,
                             least(PANEL, inputs - k), chunk + k * count_pairs(rows - row));
    }
}

// What is told to be inlined, as its sums are in registers then.
#define INLINED __attribute__((always_inline)) inline

// Add the product of COUNT rows, of which pair k is at [row * down + k * right], and a panel.
template <int COUNT>
INLINED void multiply_exactly(const Pair *x, long down, long right, const Pair *panel, long pairs,
                             Sums &sums) {
    for (long k = 0; k < pairs; k++)
        for (int v = 0; v < VECTORS; v++) {
            const __m512i columns = _mm512_loadu_si512(panel + k * PANEL + v * WIDTH);
            for (int row = 0; row < COUNT; row++) {
                const __m512i both = _mm512_set1_epi32(x[row * down + k * right]);
                sums[row][v] = _mm512_dpbf16_ps(sums[row][v], (__m512bh)both, (__m512bh)columns);
            }
        }
}

// The same of `rows`, up to COUNT.
template <int COUNT = ROWS>
INLINED void multiply(long rows, const Pair *x, long down, long right, const Pair *panel, long pairs,
                     Sums &sums) {
    if (rows >= COUNT)
        multiply_exactly<COUNT>(x, down, right, panel, pairs, sums);
    else if constexpr (COUNT > 1)
        multiply<COUNT - 1>(rows, x, down, right, panel, pairs, sums);
}

template <class Number>
inline void store(Number *to, long wide, long rows, long columns, const Sums &sums) {
    for (int v = 0; v < VECTORS; v++)
        for (long i = 0; i < rows; i++)
            store(to + i * wide + v * WIDTH, lanes(columns, v), sums[i][v]);
}

// What becomes of a product where it is written.
struct Plain {
    __m512 operator()(__m512 sum, __mmask16, long) const { return sum; }
};

struct Relu {
    __m512 operator()(__m512 sum, __mmask16, long) const {
        return _mm512_max_ps(_mm512_setzero_ps(), sum);  // of no number, the same
    }
};

// The gradient of relu: 0 where that put out 0.
struct ReluGradient {
    const Half *output;

    __m512 operator()(__m512 sum, __mmask16 those, long place) const {
        const __m256i active = _mm256_maskz_loadu_epi16(those, output + place);
        return _mm512_maskz_mov_ps(_mm256_test_epi16_mask(active, active), sum);
    }
};

// y = f(x B + bias) for some rows, where B lies in panels.
template <class Number, class Function>
void multiply_rows(const Half *x, long rows, long inner, const Pair *panels, const float *bias,
                   Number *y, long columns, Function f) {
    for (long column = 0; column < columns; column += PANEL, panels += PANEL * (inner / 2))
        for (long row = 0; row < rows; row += ROWS) {
            const long count = least(ROWS, rows - row), left = columns - column;
            Sums sums;
            for (int v = 0; v < VECTORS; v++) {
                const __m512 added = load(bias ? lanes(left, v) : 0, bias + column + v * WIDTH);
                for (int i = 0; i < ROWS; i++) sums[i][v] = added;
            }
            multiply(count, (const Pair *)(x + row * inner), inner / 2, 1, panels, inner / 2, sums);
            for (int v = 0; v < VECTORS; v++)
                for (long i = 0; i < count; i++) {
                    const long place = (row + i) * columns + column + v * WIDTH;
                    store(y + place, lanes(left, v), f(sums[i][v], lanes(left, v), place));
                }
        }
}

// Where errors, the gradient of what a layer puts out, lie: rows begin `down` numbers apart, and their
// parts of PANEL numbers `right`.
struct Errors {
    Half *data;
    long down, right;

    Half *at(long row, long column) const { return data + row * down + column / PANEL * right; }
};

// Columns of a chunk of errors as rows of pairs, ROWS by ROWS; their sums are added to `of_bias`.
void turn_errors(const Half *errors, long down, long rows, long columns, Pair *to, float *of_bias) {
    const long pairs = count_pairs(rows);
    for (int v = 0; v < VECTORS; v++) {
        const __mmask16 those = lanes(columns, v), summed = of_bias ? those : 0;
        __m512 sum = load(summed, of_bias + v * WIDTH);
        Pair *low = to + 2 * v * ROWS * pairs, *high = low + ROWS * pairs;
        const Half *from = errors + v * WIDTH;
        for (long row = 0; row < rows; row += 2, from += 2 * down, low += ROWS, high += ROWS) {
            const auto both = interleave(those, from, row + 1 < rows ? from + down : nullptr);
            sum = _mm512_dpbf16_ps(sum, (__m512bh)both, (__m512bh)_mm512_set1_epi32(ONES));
            _mm256_storeu_si256((__m256i *)low, _mm512_castsi512_si256(both));
            _mm256_storeu_si256((__m256i *)high, _mm512_extracti64x4_epi64(both, 1));
        }
        store(of_bias + v * WIDTH, summed, sum);
    }
}

// Gradients become zero; each thread clears its share.
void clear(float *of_weight, float *of_bias, long inputs, long outputs) {
#pragma omp for schedule(static)
    for (long n = 0; n < outputs; n++) {
        memset(of_weight + n * inputs, 0, inputs * sizeof(float));
        if (of_bias) of_bias[n] = 0;
    }
}

// of_weight += errors^T x, and of_bias += the sum of the errors, where x lies in panels by chunks. Each
// thread adds its share; `turned` is its own, of count_pairs(rows) * PANEL.
void add_to_gradients(const Errors &errors, const Pair *x, long rows, long inputs, long outputs,
                      float *of_weight, float *of_bias, Pair *turned) {
#pragma omp for schedule(static)
    for (long n = 0; n < outputs; n += PANEL)
        for (long row = 0; row < rows; row += CHUNK) {
            const Pair *panels = x + row / 2 * round_up(inputs, PANEL);
            const long pairs = count_pairs(rows - row), high = least(PANEL, outputs - n);
            turn_errors(errors.at(row, n), errors.down, least(CHUNK, rows - row), high, turned,
                        of_bias ? of_bias + n : nullptr);
            for (long k = 0; k < inputs; k += PANEL)
                for (long first = 0; first < high; first += ROWS) {
                    const long count = least(ROWS, high - first), left = inputs - k;
                    float *to = of_weight + (n + first) * inputs + k;
                    Sums sums = {};
                    for (int v = 0; v < VECTORS; v++)
                        for (long i = 0; i < count; i++)
                            sums[i][v] = load(lanes(left, v), to + i * inputs + v * WIDTH);
                    multiply(count, turned + first * pairs, 1, ROWS, panels + k * pairs, pairs, sums);
                    store(to, inputs, count, left, sums);
                }
        }
}

inline void round_to_half(const float *from, long count, Half *to) {
    for (long i = 0; i < count; i += WIDTH) {
        const __mmask16 those = lanes(count - i, 0);
        store(to + i, those, load(those, from + i));
    }
}

// y = f(x W^T + b). `given` is x in bfloat16: where x is float, it is written too.
template <class Function>
bool linear(const float *x, Half *given, const float *weight, const float *bias, Half *y, long rows,
            long inputs, long outputs, int threads, Function f) {
    Room room(panels_of(inputs, outputs));
    Pair *panels = room.take<Pair>(panels_of(inputs, outputs));
    if (room.refused()) return false;
#pragma omp parallel num_threads(threads)
    {
        turn(weight, inputs, outputs, panels);
#pragma omp for schedule(static)
        for (long row = 0; row < rows; row += BLOCK) {
            const long count = least(BLOCK, rows - row);
            Half *from = given + row * inputs;
            if (x) round_to_half(x + row * inputs, count * inputs, from);
            multiply_rows(from, count, inputs, panels, bias, y + row * outputs, outputs, f);
        }
    }
    return true;
}

// The gradients of x W^T + b for x and W, where they are wanted, and with the latter's for b. Where x is
// the output of relu, it may be the gradient for what relu was given.
template <class Number>
bool linear_backward(bool relu, Half *errors, const Half *given, const float *weight, Number *of_x,
                     float *of_weight, float *of_bias, long rows, long inputs, long outputs,
                     int threads) {
    const long turned = PANEL * count_pairs(rows);
    Room room(panels_of(outputs, inputs) + panels_of(rows, inputs) + threads * turned);
    Pair *weights = room.take<Pair>(panels_of(outputs, inputs));
    Pair *chunks = room.take<Pair>(panels_of(rows, inputs));
    Pair *own = room.take<Pair>(threads * turned);
    if (room.refused()) return false;
#pragma omp parallel num_threads(threads)
    {
        if (of_x) {
            interleave(weight, inputs, outputs, weights);
#pragma omp for schedule(static)
            for (long row = 0; row < rows; row += BLOCK) {
                const auto multiply = [=](auto f) {
                    multiply_rows(errors + row * outputs, least(BLOCK, rows - row), outputs, weights,
                                  nullptr, of_x + row * inputs, inputs, f);
                };
                relu ? multiply(ReluGradient{given + row * inputs}) : multiply(Plain{});
            }
        }
        if (of_weight) {
            clear(of_weight, of_bias, inputs, outputs);
            interleave_chunks(given, rows, inputs, chunks);
            add_to_gradients({errors, outputs, PANEL}, chunks, rows, inputs, outputs, of_weight,
                             of_bias, own + omp_get_thread_num() * turned);
        }
    }
    return true;
}

// 2^x to 3e-6 of it, which is enough for what becomes bfloat16: the polynomial of degree 4 whose
// relative error is least, found by weighted least squares.
inline Vector power_of_2(Vector x) {
    const __m512 whole = _mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT);
    const Vector r = x - (Vector)whole;
    Vector y = r * 0.00957010f + 0.05591786f;
    y = y * r + 0.24024745f;
    y = y * r + 0.69312181f;
    y = y * r + 0.99999926f;
    return (Vector)_mm512_scalef_ps((__m512)y, whole);
}

// Logits of up to LOGITS rows in panels, each of LOGITS rows. Where the last panel has no columns, they
// are LOWEST.
void logits_of(const Half *x, long rows, long inputs, const Pair *panels, const float *bias,
               long outputs, float *logits) {
    for (long n = 0; n < outputs; n += PANEL, panels += PANEL * (inputs / 2))
        for (long row = 0; row < LOGITS; row += ROWS, logits += ROWS * PANEL) {
            Sums sums;
            for (int v = 0; v < VECTORS; v++) {
                const __mmask16 those = lanes(outputs - n, v);
                const __m512 added = load(bias ? those : 0, bias + n + v * WIDTH);
                for (int i = 0; i < ROWS; i++)
                    sums[i][v] = _mm512_mask_mov_ps(_mm512_set1_ps(LOWEST), those, added);
            }
            multiply(least(ROWS, rows - row), (const Pair *)(x + row * inputs), inputs / 2, 1,
                     panels, inputs / 2, sums);
            memcpy(logits, sums, sizeof sums);
        }
}

// Of a row of such logits the logarithm of the normaliser, and the gradient of cross-entropy: softmax,
// less `share` at the target.
float errors_of(float *logits, long outputs, long target, float share, const Errors &errors) {
    const long panels = round_up(outputs, PANEL) / PANEL;
    const auto panel = [=](long number) { return (Vector *)(logits + number * LOGITS * PANEL); };
    Vector most[VECTORS], total[VECTORS] = {};
    for (int v = 0; v < VECTORS; v++) most[v] = panel(0)[v];
    for (long number = 1; number < panels; number++)
        for (int v = 0; v < VECTORS; v++) {
            const Vector one = panel(number)[v];
            most[v] = one > most[v] ? one : most[v];
        }
    const float top = largest(most[0] > most[1] ? most[0] : most[1]), to_2 = 1.44269504f;
    for (long number = 0; number < panels; number++)
        for (int v = 0; v < VECTORS; v++) {
            Vector &one = panel(number)[v];
            one = power_of_2(one * to_2 - top * to_2);
            total[v] += one;
        }
    const float all = sum(total[0] + total[1]), inverse = 1 / all;
    ((float *)panel(target / PANEL))[target % PANEL] -= share * all;
    for (long number = 0; number < panels; number++)
        for (int v = 0; v < VECTORS; v++) {
            const auto error = (__m512)(panel(number)[v] * inverse);
            store(errors.at(0, number * PANEL) + v * WIDTH, 0xffff, error);
        }
    return top + __builtin_logf(all);
}

// of_x = errors W for up to LOGITS rows, where W lies in panels.
void multiply_errors(const Errors &errors, long rows, long outputs, const Pair *panels, float *of_x,
                     long inputs) {
    for (long k = 0; k < inputs; k += PANEL)
        for (long row = 0; row < rows; row += ROWS) {
            const Pair *panel = panels + k * (outputs / 2);
            const long count = least(ROWS, rows - row);
            Sums sums = {};
            for (long n = 0; n < outputs; n += PANEL, panel += PANEL / 2 * PANEL)
                multiply(count, (const Pair *)errors.at(row, n), errors.down / 2, 1, panel,
                         least(PANEL, outputs - n) / 2, sums);
            store(of_x + row * inputs + k, inputs, count, inputs - k, sums);
        }
}

// Cross-entropy of the logits x W^T + b, of which only a few rows are ever in memory: for each row the
// logarithm of the normaliser and the logit of the target, and the gradients of the sum; of W's and
// b's those that are wanted. `share` is what the target is given; `given` becomes x in bfloat16.
bool cross_entropy(const float *x, Half *given, const float *weight, const float *bias,
                   const int64_t *targets, float share, float *normalisers, float *wanted,
                   float *of_x, float *of_weight, float *of_bias, long rows, long inputs,
                   long outputs, int threads) {
    const long wide = round_up(outputs, PANEL), turned = PANEL * count_pairs(rows);
    // Panels of errors are a little further apart, lest all lie in the same sets of a cache.
    const long apart = (least(CHUNK, rows) + LOGITS) * PANEL;
    Room room(panels_of(inputs, outputs) + panels_of(outputs, inputs) + panels_of(rows, inputs) +
              wide / PANEL * apart / 2 + threads * (LOGITS * wide + turned));
    Pair *columns = room.take<Pair>(panels_of(inputs, outputs));
    Pair *back = room.take<Pair>(panels_of(outputs, inputs));
    Pair *chunks = room.take<Pair>(panels_of(rows, inputs));
    Half *all_errors = (Half *)room.take<Pair>(wide / PANEL * apart / 2);
    float *all_logits = room.take(threads * LOGITS * wide);
    Pair *all_turned = room.take<Pair>(threads * turned);
    if (room.refused()) return false;
    const Errors errors = {all_errors, PANEL, apart};
#pragma omp parallel num_threads(threads)
    {
        float *logits = all_logits + omp_get_thread_num() * LOGITS * wide;
        turn(weight, inputs, outputs, columns);
        interleave(weight, inputs, outputs, back);
#pragma omp for schedule(static)
        for (long row = 0; row < rows; row++)
            round_to_half(x + row * inputs, inputs, given + row * inputs);
        if (of_weight) {
            clear(of_weight, of_bias, inputs, outputs);
            interleave_chunks(given, rows, inputs, chunks);
        }
        for (long chunk = 0; chunk < rows; chunk += CHUNK) {
            const long count = least(CHUNK, rows - chunk);
#pragma omp for schedule(static)
            for (long first = 0; first < count; first += LOGITS) {
                const long some = least(LOGITS, count - first), row = chunk + first;
                const Errors theirs = {errors.at(first, 0), errors.down, errors.right};
                logits_of(given + row * inputs, some, inputs, columns, bias, outputs, logits);
                for (long i = 0; i < some; i++) {
                    const long target = targets[row + i];
                    float *own = logits + i * PANEL;
                    wanted[row + i] = own[target / PANEL * LOGITS * PANEL + target % PANEL];
                    normalisers[row + i] = errors_of(own, outputs, target, share,
                                                     {theirs.at(i, 0), theirs.down, theirs.right});
                }
                multiply_errors(theirs, some, outputs, back, of_x + row * inputs, inputs);
            }
            if (of_weight)
                add_to_gradients(errors, chunks + chunk / 2 * round_up(inputs, PANEL), count, inputs,
                                 outputs, of_weight, of_bias,
                                 all_turned + omp_get_thread_num() * turned);
        }
    }
    return true;
}

}  // namespace pairs
}  // namespace

#endif
