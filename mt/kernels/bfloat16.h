// Linear layers, cross-entropy of what one puts out, and gradients of both, in products of pairs.
//
// No sum is divided among threads, so that results do not depend on how many there are.

#pragma once

#include "consistency.h"
#include "pairs.h"

#ifdef __AVX512BF16__

#include <omp.h>

namespace {
namespace pairs {

constexpr long BLOCK = 64;             // rows that a thread takes at once
constexpr long LOGITS = 16;            // rows of logits that it holds at once, in its cache
constexpr long CHUNK = 512;            // rows that are added to a weight's gradient at once
constexpr float LOWEST = -1e30f;       // a logit of no probability
constexpr uint32_t ONES = 0x3f803f80;  // a pair of ones

typedef std::integral_constant<long, ROWS> Group;  // columns of errors that lie together

// Pairs of rows of a chunk of which so many rows are left.
inline long count_pairs(long rows) { return (least(CHUNK, rows) + 1) / 2; }

// A panel of a transposed matrix: so many of its rows, and all of its columns.
void turn_panel(const float *from, long rows, long columns, Pair *to) {
    const __m512i number = {0x100000000, 0x300000002, 0x500000004, 0x700000006,
                            0x900000008, 0xb0000000a, 0xd0000000c, 0xf0000000e};
    const __m512i apart = _mm512_mullo_epi32(number, _mm512_set1_epi32(columns));
    const auto gather = [=](__mmask16 those, const float *at) {
        const auto found = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), those, apart, at, 4);
        return _mm512_cvtepu16_epi32(narrow(found));
    };
    const Lanes those(rows);
    for (long column = 0; column < columns; column += 2)
        for (int v = 0; v < VECTORS; v++, to += WIDTH) {
            const float *at = from + v * WIDTH * columns + column;
            const auto first = gather(those.of[v], at), second = gather(those.of[v], at + 1);
            _mm512_storeu_si512(to, interleave(first, second));
        }
}

// W^T in panels; each thread makes its share.
void turn_weight(const float *weight, long inputs, long outputs, Pair *panels) {
#pragma omp for schedule(static)
    for (long n = 0; n < outputs; n += PANEL)
        turn_panel(weight + n * inputs, least(PANEL, outputs - n), inputs, panels + n * (inputs / 2));
}

// W in panels; each thread makes its share.
void interleave_weight(const float *weight, long inputs, long outputs, Pair *panels) {
#pragma omp for schedule(static)
    for (long k = 0; k < inputs; k += PANEL)
        interleave_panel(weight + k, outputs, inputs, least(PANEL, inputs - k),
                         panels + k * (outputs / 2));
}

// x in panels, chunk by chunk of its rows; each thread makes its share.
void interleave_chunks(const Half *x, long rows, long inputs, Pair *panels) {
#pragma omp for collapse(2) schedule(static)
    for (long row = 0; row < rows; row += CHUNK)
        for (long k = 0; k < inputs; k += PANEL)
            interleave_panel(x + row * inputs + k, least(CHUNK, rows - row), inputs,
                             least(PANEL, inputs - k),
                             panels + row / 2 * round_up(inputs, PANEL) + k * count_pairs(rows - row));
}

template <int COUNT>
inline void store_block(float *to, long wide, const Lanes &those,
                        const __m512 (&sums)[COUNT][VECTORS]) {
    for (int v = 0; v < VECTORS; v++)
        for (int i = 0; i < COUNT; i++) store(to + i * wide + v * WIDTH, those.of[v], sums[i][v]);
}

// relu(product); of what is no number, the same.
struct Relu : Matrix<Half> {
    void put(long row, long column, __mmask16 those, __m512 sum) const {
        store(at(row, column), those, _mm512_max_ps(_mm512_setzero_ps(), sum));
    }
};

// The gradient for what relu was given, which is 0 where that put out 0 or -0.
template <class Number> struct ReluGradient : Matrix<Number> {
    Matrix<const Half> output;

    void prefetch(long row, long column) const {
        prefetch_panel(this->at(row, column));
        prefetch_panel(output.at(row, column));
    }
    void put(long row, long column, __mmask16 those, __m512 sum) const {
        const __m256i active = _mm256_maskz_loadu_epi16(those, output.at(row, column));
        const __mmask16 positive = _mm256_test_epi16_mask(active, _mm256_set1_epi16(0x7fff));
        store(this->at(row, column), those, _mm512_maskz_mov_ps(positive, sum));
    }
};

// Where errors, the gradient of what a layer puts out, lie: rows begin `down` numbers apart, and their
// parts of PANEL numbers `right`.
template <class Number> struct Errors {
    Number *data;
    long down, right;

    Number *at(long row, long column) const {
        return data + row * down + column / PANEL * right + column % PANEL;
    }
};

// Columns of a chunk of errors as rows of pairs, ROWS by ROWS; their sums are added to `of_bias`.
void turn_errors(const Half *errors, long down, long rows, long columns, Pair *to, float *of_bias) {
    const long pairs = count_pairs(rows);
    for (int v = 0; v < VECTORS; v++) {
        const __mmask16 those = Lanes(columns).of[v], summed = of_bias ? those : 0;
        __m512 sum = load(summed, of_bias + v * WIDTH);
        Pair *low = to + 2 * v * ROWS * pairs, *high = low + ROWS * pairs;
        const Half *from = errors + v * WIDTH;
        for (long row = 0; row < rows; row += 2, from += 2 * down, low += ROWS, high += ROWS) {
            prefetch_pair(from, down);
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
void add_to_gradients(const Errors<const Half> &errors, const Pair *x, long rows, long inputs,
                      long outputs, float *of_weight, float *of_bias, Pair *turned) {
#pragma omp for schedule(static)
    for (long n = 0; n < outputs; n += PANEL)
        for (long row = 0; row < rows; row += CHUNK) {
            const Pair *panels = x + row / 2 * round_up(inputs, PANEL);
            const long pairs = count_pairs(rows - row), high = least(PANEL, outputs - n);
            turn_errors(errors.at(row, n), errors.down, least(CHUNK, rows - row), high, turned,
                        of_bias ? of_bias + n : nullptr);
            for (long k = 0; k < inputs; k += PANEL) {
                const Lanes those(inputs - k);
                by_rows(high, [=](auto count, long first) INLINED {
                    constexpr int COUNT = count;
                    float *to = of_weight + (n + first) * inputs + k;
                    const Pair *group = turned + first / ROWS * ROWS * pairs + first % ROWS;
                    __m512 sums[COUNT][VECTORS];
                    for (int v = 0; v < VECTORS; v++)
                        for (int i = 0; i < COUNT; i++)
                            sums[i][v] = load(those.of[v], to + i * inputs + v * WIDTH);
                    multiply(Columns<Group>{group, {}}, panels + k * pairs, pairs, sums);
                    store_block(to, inputs, those, sums);
                });
            }
        }
}

inline Rows rows_of(const Half *x, long inner) { return {(const Pair *)x, inner / 2}; }

// y = f(x W^T + b), where f is relu or nothing. `given` is x in bfloat16: where x is float, it is
// written too.
bool linear(bool relu, const float *x, Half *given, const float *weight, const float *bias, Half *y,
            long rows, long inputs, long outputs, int threads) {
    Room room(panels_of(inputs, outputs));
    Pair *panels = room.take<Pair>(panels_of(inputs, outputs));
    if (room.refused()) return false;
#pragma omp parallel num_threads(threads)
    {
        turn_weight(weight, inputs, outputs, panels);
#pragma omp for schedule(static)
        for (long row = 0; row < rows; row += BLOCK) {
            const long count = least(BLOCK, rows - row);
            Half *from = given + row * inputs;
            if (x) round_to_half(x + row * inputs, count * inputs, from);
            const Matrix<Half> to = {y + row * outputs, outputs};
            if (relu)
                multiply_rows(rows_of(from, inputs), count, inputs, panels, bias, outputs, Relu{to});
            else
                multiply_rows(rows_of(from, inputs), count, inputs, panels, bias, outputs, to);
        }
    }
    return true;
}

// The gradients of x W^T + b for x and W, where they are wanted, and with the latter's for b. Where x is
// the output of relu, it may be the gradient for what relu was given.
template <class Number>
bool linear_backward(bool relu, const Half *errors, const Half *given, const float *weight,
                     Number *of_x, float *of_weight, float *of_bias, long rows, long inputs,
                     long outputs, int threads) {
    const long turned = PANEL * count_pairs(rows);
    Room room(panels_of(outputs, inputs) + panels_of(rows, inputs) + threads * turned);
    Pair *weights = room.take<Pair>(panels_of(outputs, inputs));
    Pair *chunks = room.take<Pair>(panels_of(rows, inputs));
    Pair *own = room.take<Pair>(threads * turned);
    if (room.refused()) return false;
#pragma omp parallel num_threads(threads)
    {
        if (of_x) {
            interleave_weight(weight, inputs, outputs, weights);
#pragma omp for schedule(static)
            for (long row = 0; row < rows; row += BLOCK) {
                const long count = least(BLOCK, rows - row);
                const Half *from = errors + row * outputs;
                const Matrix<Number> to = {of_x + row * inputs, inputs};
                const Matrix<const Half> output = {given + row * inputs, inputs};
                if (relu)
                    multiply_rows(rows_of(from, outputs), count, outputs, weights, nullptr, inputs,
                                  ReluGradient<Number>{to, output});
                else
                    multiply_rows(rows_of(from, outputs), count, outputs, weights, nullptr, inputs, to);
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

// Logits of up to LOGITS rows in panels, each of LOGITS rows. Where the last vector has no columns, they
// are LOWEST.
struct Logits {
    float *data;

    float *at(long row, long column) const {
        return data + (column / PANEL * LOGITS + row) * PANEL + column % PANEL;
    }
    void prefetch(long, long) const {}  // they stay in the cache
    void put(long row, long column, __mmask16 those, __m512 sum) const {
        _mm512_storeu_ps(at(row, column), _mm512_mask_mov_ps(_mm512_set1_ps(LOWEST), those, sum));
    }
};

// exp(logit - top) comes in the place of a row's logits; top is the largest of them.
struct Powers {
    float top, sum;
};

Powers turn_into_powers(const Logits &logits, long row, long outputs) {
    const auto vector = [=](long column) -> Vector & { return *(Vector *)logits.at(row, column); };
    const long last = round_up(outputs, WIDTH);
    Vector most = vector(0), total = {};
    for (long n = WIDTH; n < last; n += WIDTH) most = vector(n) > most ? vector(n) : most;
    const float top = largest(most), to_2 = 1.44269504f;
    for (long n = 0; n < last; n += WIDTH)
        total += vector(n) = power_of_2(vector(n) * to_2 - top * to_2);
    return {top, sum(total)};
}

// Cross-entropy: of each row the logarithm of the normaliser and the logit of the target, and the
// gradient: softmax, less `share` at the target.
struct CrossEntropy {
    static constexpr long SCRATCH = 0;  // rows of numbers that it works with
    const int64_t *targets;
    float share;
    float *normalisers, *wanted;

    void operator()(const Logits &logits, long above, long rows, long outputs,
                    const Errors<Half> &errors, Vector *) const {
        for (long row = 0; row < rows; row++) {
            const long target = targets[above + row];
            wanted[above + row] = *logits.at(row, target);
            normalisers[above + row] = errors_of(logits, row, outputs, target, errors);
        }
    }

  private:
    float errors_of(const Logits &logits, long row, long outputs, long target,
                    const Errors<Half> &errors) const {
        const Powers powers = turn_into_powers(logits, row, outputs);
        const float inverse = 1 / powers.sum;
        *logits.at(row, target) -= share * powers.sum;
        for (long n = 0; n < outputs; n += WIDTH)
            store(errors.at(row, n), 0xffff, (__m512)(*(Vector *)logits.at(row, n) * inverse));
        return powers.top + __builtin_logf(powers.sum);
    }
};

// The same of two rows at a time, of two passes over a token, and how much these differ.
struct Consistency {
    static constexpr long SCRATCH = 1;
    const int64_t *targets;
    float share;
    LossWeights weights;
    Found found;

    void operator()(const Logits &logits, long above, long rows, long outputs,
                    const Errors<Half> &errors, Vector *differences) const {
        for (long row = 0; row < rows; row += 2)
            compare(logits, row, outputs, (above + row) / 2, errors, differences);
    }

  private:
    void compare(const Logits &logits, long row, long outputs, long token,
                 const Errors<Half> &errors, Vector *differences) const {
        const auto p = [=](long column) -> Vector & { return *(Vector *)logits.at(row, column); };
        const auto q = [=](long column) -> Vector & { return *(Vector *)logits.at(row + 1, column); };
        const long last = round_up(outputs, WIDTH), target = targets[token];
        const float wanted_p = *logits.at(row, target), wanted_q = *logits.at(row + 1, target);
        for (long n = 0; n < last; n += WIDTH) differences[n / WIDTH] = p(n) - q(n);
        const Powers of_p = turn_into_powers(logits, row, outputs);
        const Powers of_q = turn_into_powers(logits, row + 1, outputs);
        Vector difference_p = {}, difference_q = {};
        for (long n = 0; n < last; n += WIDTH) {
            difference_p += p(n) * differences[n / WIDTH];
            difference_q += q(n) * differences[n / WIDTH];
        }
        const Comparison both(weights, {of_p.top, of_p.sum, sum(difference_p)},
                              {of_q.top, of_q.sum, sum(difference_q)});
        for (long n = 0; n < last; n += WIDTH) {
            const Vector difference = differences[n / WIDTH];
            store(errors.at(row, n), 0xffff, (__m512)both.error_p(p(n), q(n), difference));
            store(errors.at(row + 1, n), 0xffff, (__m512)both.error_q(p(n), q(n), difference));
        }
        const float power_p = *logits.at(row, target), power_q = *logits.at(row + 1, target);
        const float difference = wanted_p - wanted_q;
        const float error_p = both.error_p(power_p, power_q, difference) - weights.first * share;
        const float error_q = both.error_q(power_p, power_q, difference) - weights.second * share;
        *errors.at(row, target) = ::narrow<bfloat16>(error_p).bits;
        *errors.at(row + 1, target) = ::narrow<bfloat16>(error_q).bits;
        both.put(token, wanted_p, wanted_q, found);
    }
};

// of_x = errors W for up to LOGITS rows, where W lies in panels.
void multiply_errors(const Errors<Half> &errors, long rows, long outputs, const Pair *panels,
                     float *of_x, long inputs) {
    for (long k = 0; k < inputs; k += PANEL) {
        const Lanes those(inputs - k);
        by_rows(rows, [=](auto count, long row) INLINED {
            constexpr int COUNT = count;
            const Pair *panel = panels + k * (outputs / 2);
            __m512 sums[COUNT][VECTORS] = {};
            for (long n = 0; n < outputs; n += PANEL, panel += PANEL / 2 * PANEL)
                multiply(Rows{(const Pair *)errors.at(row, n), errors.down / 2}, panel,
                         least(PANEL, outputs - n) / 2, sums);
            store_block(of_x + row * inputs + k, inputs, those, sums);
        });
    }
}

// A loss of the logits x W^T + b, of which only a few rows are ever in memory, and the gradients of its
// sum; of W's and b's those that are wanted. `given` becomes x in bfloat16.
template <class Loss>
bool loss_of_outputs(const Loss &loss, const float *x, Half *given, const float *weight,
                     const float *bias, float *of_x, float *of_weight, float *of_bias, long rows,
                     long inputs, long outputs, int threads) {
    const long wide = round_up(outputs, PANEL), turned = PANEL * count_pairs(rows);
    // Panels of errors are a little further apart, lest all lie in the same sets of a cache.
    const long apart = (least(CHUNK, rows) + LOGITS) * PANEL;
    const long scratch = Loss::SCRATCH * wide;
    Room room(panels_of(inputs, outputs) + panels_of(outputs, inputs) + panels_of(rows, inputs) +
              wide / PANEL * apart / 2 + threads * (LOGITS * wide + turned + scratch));
    Pair *columns = room.take<Pair>(panels_of(inputs, outputs));
    Pair *back = room.take<Pair>(panels_of(outputs, inputs));
    Pair *chunks = room.take<Pair>(panels_of(rows, inputs));
    Half *all_errors = (Half *)room.take<Pair>(wide / PANEL * apart / 2);
    float *all_logits = room.take(threads * LOGITS * wide);
    Pair *all_turned = room.take<Pair>(threads * turned);
    float *all_scratch = room.take(threads * scratch);
    if (room.refused()) return false;
    const Errors<Half> errors = {all_errors, PANEL, apart};
#pragma omp parallel num_threads(threads)
    {
        const Logits logits = {all_logits + omp_get_thread_num() * LOGITS * wide};
        Vector *own = (Vector *)(all_scratch + omp_get_thread_num() * scratch);
        turn_weight(weight, inputs, outputs, columns);
        interleave_weight(weight, inputs, outputs, back);
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
                const Errors<Half> theirs = {errors.at(first, 0), errors.down, errors.right};
                multiply_rows(rows_of(given + row * inputs, inputs), some, inputs, columns, bias,
                              outputs, logits);
                loss(logits, row, some, outputs, theirs, own);
                multiply_errors(theirs, some, outputs, back, of_x + row * inputs, inputs);
            }
            if (of_weight)
                add_to_gradients({all_errors, PANEL, apart},
                                 chunks + chunk / 2 * round_up(inputs, PANEL), count, inputs,
                                 outputs, of_weight, of_bias,
                                 all_turned + omp_get_thread_num() * turned);
        }
    }
    return true;
}

}  // namespace pairs
}  // namespace

#endif
