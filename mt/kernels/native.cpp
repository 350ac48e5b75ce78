// What is computed on a CPU between matrix products, each in one pass over memory, the products of few
// rows in a search, and those of training where bfloat16.h has them.
//
// mt/kernels/native.py compiles this file and calls it; each kernel has a twin in torch, which says
// what it computes. Numbers are float, or in most kernels bfloat16 as bits; sums are float. No sum is
// divided among threads, so that results do not depend on how many there are.

#if defined __AVX512F__
#define VECTOR_BYTES 64
#elif defined __AVX__
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

#include "attention.h"
#include "bfloat16.h"
#include "bfloat16_attention.h"
#include "consistency.h"
#include "room.h"

namespace {

constexpr long PANEL = 32;         // outputs of a linear layer that are computed together
constexpr long CHUNK = 96;         // rows of its inputs that a thread takes at once
constexpr long SHARED = 1 << 19;   // products of numbers from which on other threads help
constexpr int TALL = 8;            // rows that are computed together with a panel
constexpr long BLOCK = 64;         // numbers of which first the largest is looked at

// total = states + dropout(added)
template <class T>
void add_dropped(const float *states, const void *added, const Dropout &dropout, float *total,
                 long rows, uint32_t width, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long row = 0; row < rows; row++) {
        const float *x = states + row * width;
        const T *y = static_cast<const T *>(added) + row * width;
        float *sum = total + row * width;
        const Dropout drawn = dropout;  // of which the loop below reads registers, not memory
        const uint32_t first = row * width;
#pragma omp simd
        for (uint32_t i = 0; i < width; i++) sum[i] = x[i] + widen(y[i]) * factor(drawn, first + i);
    }
}

template <class T>
void add_dropped_backward(const float *gradient, const Dropout &dropout, void *of_added, long rows,
                          uint32_t width, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long row = 0; row < rows; row++) {
        const float *from = gradient + row * width;
        T *to = static_cast<T *>(of_added) + row * width;
        const Dropout drawn = dropout;
        const uint32_t first = row * width;
#pragma omp simd
        for (uint32_t i = 0; i < width; i++) to[i] = narrow<T>(from[i] * factor(drawn, first + i));
    }
}

// Logits of other models for the same tokens, whose mean distribution is a part of the targets.
struct SoftTargets {
    const void *logits;  // of one model after the other
    long count, stride;  // of models, and of numbers from one to the next
    float share;         // of the target distribution
    float *expected;     // the mean of the logits that learn, by that distribution
};

// exp(x - top) of a row, where top is the largest, and their sum.
struct Powers {
    float top, sum;
};

template <class T> inline Powers powers_of(const T *x, uint32_t width, float *powers) {
    float top = widen(x[0]), sum = 0;
#pragma omp simd reduction(max : top)
    for (uint32_t i = 0; i < width; i++) top = widen(x[i]) > top ? widen(x[i]) : top;
#pragma omp simd reduction(+ : sum)
    for (uint32_t i = 0; i < width; i++) {
        powers[i] = exponential(widen(x[i]) - top);
        sum += powers[i];
    }
    return {top, sum};
}

// The mean distribution of all models for a row that begins `first` numbers after their first.
template <class T>
inline void mean_of(const SoftTargets &soft, long first, uint32_t width, float *powers, float *mean) {
    memset(mean, 0, sizeof(float) * width);
    for (long model = 0; model < soft.count; model++) {
        const T *x = static_cast<const T *>(soft.logits) + model * soft.stride + first;
        const float scale = 1 / (powers_of(x, width, powers).sum * soft.count);
        for (uint32_t i = 0; i < width; i++) mean[i] += powers[i] * scale;
    }
}

// Of each row of logits the logarithm of the normaliser, and in its place the gradient of
// cross-entropy: softmax, less what other models predict, and less `share` at the target.
template <class T>
bool cross_entropy(void *logits, const SoftTargets &soft, const int64_t *targets, float share,
                   float *normalisers, long rows, uint32_t width, int threads) {
    bool complete = true;
#pragma omp parallel num_threads(threads)
    {
        Room room(2 * round_up(width, WIDTH));
        float *powers = room.take(width), *mean = room.take(width);
#pragma omp for schedule(static) reduction(&& : complete)
        for (long row = 0; row < rows; row++) {
            if (room.refused()) {
                complete = false;
                continue;
            }
            T *x = static_cast<T *>(logits) + row * width;
            if (soft.count) {
                float expected = 0;
                mean_of<T>(soft, row * width, width, powers, mean);
#pragma omp simd reduction(+ : expected)
                for (uint32_t i = 0; i < width; i++) expected += mean[i] * widen(x[i]);
                soft.expected[row] = expected;
            }
            const Powers of = powers_of(x, width, powers);
            const float inverse = 1 / of.sum, taken = soft.share;
            normalisers[row] = of.top + __builtin_logf(of.sum);
            powers[targets[row]] -= share * of.sum;
            if (soft.count)
                for (uint32_t i = 0; i < width; i++)
                    x[i] = narrow<T>(powers[i] * inverse - mean[i] * taken);
            else
                for (uint32_t i = 0; i < width; i++) x[i] = narrow<T>(powers[i] * inverse);
        }
    }
    return complete;
}

// The same of two passes over each token, of which the second's rows follow all of the first's, and how
// much these differ.
template <class T>
bool consistency(void *logits, const int64_t *targets, float share, const LossWeights &weights,
                 const Found &found, long tokens, uint32_t width, int threads) {
    bool complete = true;
#pragma omp parallel num_threads(threads)
    {
        Room room(2 * round_up(width, WIDTH));
        float *powers_p = room.take(width), *powers_q = room.take(width);
#pragma omp for schedule(static) reduction(&& : complete)
        for (long token = 0; token < tokens; token++) {
            if (room.refused()) {
                complete = false;
                continue;
            }
            T *x = static_cast<T *>(logits) + token * width, *y = x + tokens * width;
            const Powers p = powers_of(x, width, powers_p), q = powers_of(y, width, powers_q);
            float difference_p = 0, difference_q = 0;
#pragma omp simd reduction(+ : difference_p, difference_q)
            for (uint32_t i = 0; i < width; i++) {
                const float difference = widen(x[i]) - widen(y[i]);
                difference_p += powers_p[i] * difference;
                difference_q += powers_q[i] * difference;
            }
            const Comparison both(weights, {p.top, p.sum, difference_p}, {q.top, q.sum, difference_q});
            const int64_t target = targets[token];
            const float wanted_p = widen(x[target]), wanted_q = widen(y[target]);
            const auto error_p = [&](long i) {
                return both.error_p(powers_p[i], powers_q[i], widen(x[i]) - widen(y[i]));
            };
            const auto error_q = [&](long i) {
                return both.error_q(powers_p[i], powers_q[i], widen(x[i]) - widen(y[i]));
            };
            const float right_p = error_p(target) - weights.first * share;
            const float right_q = error_q(target) - weights.second * share;
            for (uint32_t i = 0; i < width; i++) {
                const float of_p = error_p(i), of_q = error_q(i);
                x[i] = narrow<T>(of_p);
                y[i] = narrow<T>(of_q);
            }
            x[target] = narrow<T>(right_p);
            y[target] = narrow<T>(right_q);
            both.put(token, wanted_p, wanted_q, found);
        }
    }
    return complete;
}

// COUNT rows of y = x W^T + b for a panel of outputs, of which `count` are wanted.
template <int COUNT>
inline void linear_block(const float *x, long stride, const float *panel, long inputs, const float *bias,
                         float *y, long outputs, long count) {
    Vector sums[COUNT][PANEL / WIDTH] = {};
    multiply_block(x, stride, 1, panel, PANEL, inputs, sums);
    float added[PANEL] = {};
    if (bias) memcpy(added, bias, sizeof(float) * count);
    for (int row = 0; row < COUNT; row++) {
        for (long v = 0; v < PANEL / WIDTH; v++) sums[row][v] += read(added + v * WIDTH);
        if (count == PANEL)
            memcpy(y + row * outputs, sums[row], sizeof sums[row]);
        else
            memcpy(y + row * outputs, sums[row], sizeof(float) * count);
    }
}

// The same for `rows`, up to COUNT.
template <int COUNT>
inline void linear_rest(const float *x, long rows, long stride, const float *panel, long inputs,
                        const float *bias, float *y, long outputs, long count) {
    if (rows == COUNT)
        linear_block<COUNT>(x, stride, panel, inputs, bias, y, outputs, count);
    else if constexpr (COUNT > 1)
        linear_rest<COUNT - 1>(x, rows, stride, panel, inputs, bias, y, outputs, count);
}

// y = x W^T + b, where W lies in panels of PANEL outputs, the last filled up, and in each by inputs.
// Made for registers of 512 bits: with narrower ones many rows take longer than by torch's libraries.
// Every number is summed up in the same order, however many rows there are.
void linear(const float *x, long stride, const float *panels, const float *bias, float *y, long rows,
            long inputs, long outputs, int threads) {
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads) \
    if (rows * inputs * outputs >= SHARED)
    for (long column = 0; column < outputs; column += PANEL)
        for (long first = 0; first < rows; first += CHUNK) {
            const long last = first + CHUNK < rows ? first + CHUNK : rows;
            const long count = outputs - column < PANEL ? outputs - column : PANEL;
            const float *panel = panels + column * inputs, *added = bias ? bias + column : nullptr;
            for (long row = first; row < last; row += TALL) {
                const long left = last - row < TALL ? last - row : TALL;
                linear_rest<TALL>(x + row * stride, left, stride, panel, inputs, added,
                                  y + row * outputs + column, outputs, count);
            }
        }
}

// Numbers in falling order, at most `count`, and where they come from; of equal ones the first.
struct Largest {
    float *values;
    int64_t *indices;
    long count, found;

    float least() const { return found < count ? -__builtin_inff() : values[count - 1]; }

    void look(float number, long index) {
        if (found == count && !(number > values[count - 1])) return;
        long place = found < count ? found++ : count - 1;
        for (; place > 0 && number > values[place - 1]; place--) {
            values[place] = values[place - 1];
            indices[place] = indices[place - 1];
        }
        values[place] = number;
        indices[place] = index;
    }
};

// The `count` largest numbers of each row and where they are, largest first.
//
// As many blocks have a maximum that is no less than the last of the largest maxima, so nothing below
// that is among the largest numbers, and few other blocks need a closer look. `count` is at most
// BLOCK: the first block that gets one fills all places.
bool top_k(const float *numbers, float *values, int64_t *indices, long rows, long width, long count,
           int threads) {
    const long blocks = width / BLOCK;
    bool complete = true;
#pragma omp parallel num_threads(threads)
    {
        Room room(blocks + WIDTH);
        float *most = room.take(blocks);
#pragma omp for schedule(static) reduction(&& : complete)
        for (long row = 0; row < rows; row++) {
            if (room.refused()) {
                complete = false;
                continue;
            }
            const float *x = numbers + row * width;
            Largest best{values + row * count, indices + row * count, count, 0};
            for (long block = 0; block < blocks; block++) {
                const float *from = x + block * BLOCK;
                Vector highest = read(from);
                for (long v = 1; v < BLOCK / WIDTH; v++) {
                    const Vector other = read(from + v * WIDTH);
                    highest = other > highest ? other : highest;
                }
                best.look(most[block] = largest(highest), block);
            }
            const float least = best.least();
            best.found = 0;
            for (long block = 0; block < blocks; block++)
                for (long i = block * BLOCK; most[block] >= least && i < (block + 1) * BLOCK; i++)
                    best.look(x[i], i);
            for (long i = blocks * BLOCK; i < width; i++) best.look(x[i], i);
            for (long i = 0; best.found < count; i++) best.look(x[i], i);  // what is no number
        }
    }
    return complete;
}

}  // namespace

// What Python calls: `half` says that what is not declared as float is bfloat16. They return
// whether there was memory enough.
extern "C" {

bool mt_attention_forward(bool half, const Attention *its, const Heads *query, const Heads *key,
                          const Heads *value, const Heads *bias, float *weights,
                          const Heads *context) {
#ifdef __AVX512BF16__
    if (half && pairs::made_for(*its, *query))
        return pairs::attention_forward(*its, *query, *key, *value, *bias, weights, *context);
#endif
    const auto run = half ? attention_forward<bfloat16> : attention_forward<float>;
    return run(*its, *query, *key, *value, *bias, weights, *context);
}

bool mt_attention_step(bool half, const Attention *its, const Heads *query, const Heads *key,
                       const Heads *value, const Heads *bias, const Heads *context) {
    const auto run = half ? attention_step<bfloat16> : attention_step<float>;
    return run(*its, *query, *key, *value, *bias, *context);
}

bool mt_attention_backward(bool half, const Attention *its, const Heads *query, const Heads *key,
                           const Heads *value, const Heads *gradient, const float *weights,
                           const Heads *of_query, const Heads *of_key, const Heads *of_value) {
#ifdef __AVX512BF16__
    if (half && pairs::made_for(*its, *gradient))
        return pairs::attention_backward(*its, *query, *key, *value, *gradient, weights, *of_query,
                                         *of_key, *of_value);
#endif
    const auto run = half ? attention_backward<bfloat16> : attention_backward<float>;
    return run(*its, *query, *key, *value, *gradient, weights, *of_query, *of_key, *of_value);
}

bool mt_add_dropped(bool half, const float *states, const void *added, const Dropout *dropout,
                    float *total, long rows, uint32_t width, int threads) {
    const auto run = half ? add_dropped<bfloat16> : add_dropped<float>;
    run(states, added, *dropout, total, rows, width, threads);
    return true;
}

bool mt_add_dropped_backward(bool half, const float *gradient, const Dropout *dropout,
                             void *of_added, long rows, uint32_t width, int threads) {
    const auto run = half ? add_dropped_backward<bfloat16> : add_dropped_backward<float>;
    run(gradient, *dropout, of_added, rows, width, threads);
    return true;
}

bool mt_linear(bool, const float *x, long stride, const float *panels, const float *bias, float *y,
               long rows, long inputs, long outputs, int threads) {
    linear(x, stride, panels, bias, y, rows, inputs, outputs, threads);
    return true;
}

bool mt_top_k(bool, const float *numbers, float *values, int64_t *indices, long rows, long width,
              long count, int threads) {
    return top_k(numbers, values, indices, rows, width, count, threads);
}

bool mt_cross_entropy(bool half, void *logits, const void *soft_logits, long count, long stride,
                      float soft_share, float *expected, const int64_t *targets, float share,
                      float *normalisers, long rows, uint32_t width, int threads) {
    const SoftTargets soft = {soft_logits, count, stride, soft_share, expected};
    const auto run = half ? cross_entropy<bfloat16> : cross_entropy<float>;
    return run(logits, soft, targets, share, normalisers, rows, width, threads);
}

bool mt_consistency(bool half, void *logits, const int64_t *targets, float share, float first,
                    float second, float forward, float reverse, float *normalisers, float *wanted,
                    float *divergences, long rows, uint32_t width, int threads) {
    const LossWeights weights = {first, second, forward, reverse};
    const Found found = {normalisers, wanted, divergences};
    const auto run = half ? consistency<bfloat16> : consistency<float>;
    return run(logits, targets, share, weights, found, rows / 2, width, threads);
}

#ifdef __AVX512BF16__
// `half` says of layers whether x and its gradient are bfloat16, `relu` whether that follows a layer, or
// goes before it in the backward pass.
bool mt_bfloat16_linear(bool half, bool relu, const float *x, uint16_t *given, const float *weight,
                        const float *bias, uint16_t *y, long rows, long inputs, long outputs,
                        int threads) {
    return pairs::linear(relu, half ? nullptr : x, given, weight, bias, y, rows, inputs, outputs,
                         threads);
}

bool mt_bfloat16_linear_backward(bool half, bool relu, const uint16_t *errors, const uint16_t *given,
                                 const float *weight, void *of_x, float *of_weight, float *of_bias,
                                 long rows, long inputs, long outputs, int threads) {
    const auto run = [=](auto *to) {
        return pairs::linear_backward(relu, errors, given, weight, to, of_weight, of_bias, rows,
                                      inputs, outputs, threads);
    };
    return half ? run((uint16_t *)of_x) : run((float *)of_x);
}

bool mt_bfloat16_cross_entropy(bool, const float *x, uint16_t *given, const float *weight,
                               const float *bias, const int64_t *targets, float share,
                               float *normalisers, float *wanted, float *of_x, float *of_weight,
                               float *of_bias, long rows, long inputs, long outputs, int threads) {
    const pairs::CrossEntropy loss = {targets, share, normalisers, wanted};
    return pairs::loss_of_outputs(loss, x, given, weight, bias, of_x, of_weight, of_bias, rows,
                                  inputs, outputs, threads);
}

// Rows 2 i and 2 i + 1 are the two passes over token i.
bool mt_bfloat16_consistency(bool, const float *x, uint16_t *given, const float *weight,
                             const float *bias, const int64_t *targets, float share,
                             float first, float second, float forward, float reverse,
                             float *normalisers, float *wanted, float *divergences, float *of_x,
                             float *of_weight, float *of_bias, long rows, long inputs, long outputs,
                             int threads) {
    const LossWeights weights = {first, second, forward, reverse};
    const Found found = {normalisers, wanted, divergences};
    const pairs::Consistency loss = {targets, share, weights, found};
    return pairs::loss_of_outputs(loss, x, given, weight, bias, of_x, of_weight, of_bias, rows,
                                  inputs, outputs, threads);
}
#endif
}
