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

#include "bfloat16.h"

// What Python fills in: see mt/kernels/native.py.
extern "C" {

struct Dropout {
    uint64_t seed;
    uint32_t threshold;  // of 2^32 draws so many are dropped
    float scale;         // of what stays
};

// States of [batch, heads, length, depth]: where the first number is, and how many lie between
// neighbours along each axis; along the last, 1.
struct Heads {
    void *data;
    long batch, head, position;
};

struct Attention {
    long batch, heads, queries, keys, depth;
    float scale;
    Dropout dropout;
    int threads;
};
}

namespace {

constexpr long ROWS = 4;           // of a product that are computed together
constexpr long PANEL = 32;         // outputs of a linear layer that are computed together
constexpr long CHUNK = 96;         // rows of its inputs that a thread takes at once
constexpr long SHARED = 1 << 19;   // products of numbers from which on other threads help
constexpr int TALL = 8;            // rows that are computed together with a panel
constexpr long BLOCK = 64;         // numbers of which first the largest is looked at

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

// The same of ROWS rows, written to c.
template <int VECTORS>
inline void multiply_columns(const float *a, long down, long right, const float *b, float *c,
                             long wide, long inner) {
    Vector sums[ROWS][VECTORS] = {};
    multiply_block(a, down, right, b, wide, inner, sums);
    for (int row = 0; row < ROWS; row++) memcpy(c + row * wide, sums[row], sizeof sums[row]);
}

// c = a b. An element of `a` is at [row * down + column * right], so that it can be transposed; b
// and c are `wide`, a multiple of WIDTH. `rows` are rounded up to a multiple of ROWS.
void multiply(const float *a, long down, long right, const float *b, float *c, long rows, long wide,
              long inner) {
    for (long row = 0; row < rows; row += ROWS) {
        const float *from = a + row * down;
        float *to = c + row * wide;
        long column = 0;
        for (; column + 2 * WIDTH <= wide; column += 2 * WIDTH)
            multiply_columns<2>(from, down, right, b + column, to + column, wide, inner);
        if (column < wide)
            multiply_columns<1>(from, down, right, b + column, to + column, wide, inner);
    }
}

// The first number of a head of a sentence.
template <class T> inline T *start(const Heads &of, long sentence, long head) {
    return static_cast<T *>(of.data) + sentence * of.batch + head * of.head;
}

// The matrix of a head of a sentence, as float, filled up with zeros to `rows` and `wide`.
template <class T>
void load(const Heads &of, long sentence, long head, long length, long depth, float *to, long rows,
          long wide) {
    const T *from = start<const T>(of, sentence, head);
    memset(to, 0, sizeof(float) * rows * wide);
    for (long i = 0; i < length; i++, from += of.position, to += wide)
        each(depth, [=](long d) { to[d] = widen(from[d]); });
}

template <class T>
void store(const float *from, long wide, const Heads &of, long sentence, long head, long length,
           long depth) {
    T *to = start<T>(of, sentence, head);
    for (long i = 0; i < length; i++, from += wide, to += of.position)
        each(depth, [=](long d) { to[d] = narrow<T>(from[d]); });
}

// Ask for a matrix that will be loaded soon: its rows lie apart, and no processor expects them.
template <class T>
void prefetch(const Heads &of, long sentence, long head, long length, long depth) {
    const T *from = start<const T>(of, sentence, head);
    for (long i = 0; i < length; i++, from += of.position)
        for (long d = 0; d < depth; d += 64 / sizeof(T)) __builtin_prefetch(from + d);
}

void transpose(const float *from, float *to, long rows, long wide) {
    for (long d = 0; d < wide; d++, to += rows)
        each(rows, [=](long i) { to[i] = from[i * wide + d]; });
}

// Scores become powers of e, of which the largest is 1; returns what makes their sum 1.
inline float exponentials(Vector *row, long vectors) {
    Vector highest = row[0], total = {};
    for (long v = 1; v < vectors; v++) highest = row[v] > highest ? row[v] : highest;
    const float top = largest(highest);
    for (long v = 0; v < vectors; v++) total += row[v] = exponential(row[v] - top);
    return 1 / sum(total);
}

// context = dropout(softmax(scale * query key^T + bias)) value; `weights` are the softmax, [batch,
// heads, queries, keys].
template <class T>
bool attention_forward(const Attention &its, const Heads &query, const Heads &key,
                       const Heads &value, const Heads &bias, float *weights,
                       const Heads &context) {
    const long queries = round_up(its.queries, ROWS), keys = round_up(its.keys, WIDTH);
    const long depth = round_up(its.depth, WIDTH), vectors = keys / WIDTH;
    bool complete = true;
#pragma omp parallel num_threads(its.threads)
    {
        Room room((2 * queries + 2 * keys) * depth + (queries + 1) * keys);
        float *q = room.take(queries * depth), *kv = room.take(keys * depth);
        float *turned = room.take(keys * depth), *result = room.take(queries * depth);
        float *scores = room.take(queries * keys), *added = room.take(keys);
        for (long j = 0; j < keys && !room.refused(); j++)
            added[j] = j < its.keys ? 0 : -__builtin_inff();
#pragma omp for schedule(static) reduction(&& : complete)
        for (long number = 0; number < its.batch * its.heads; number++) {
            const long sentence = number / its.heads, head = number % its.heads;
            if (room.refused()) {
                complete = false;
                continue;
            }
            if (sentence + 1 < its.batch) {
                prefetch<T>(query, sentence + 1, head, its.queries, its.depth);
                prefetch<T>(key, sentence + 1, head, its.keys, its.depth);
                prefetch<T>(value, sentence + 1, head, its.keys, its.depth);
            }
            load<T>(query, sentence, head, its.queries, its.depth, q, queries, depth);
            load<T>(key, sentence, head, its.keys, its.depth, kv, keys, depth);
            transpose(kv, turned, keys, depth);
            multiply(q, depth, 1, turned, scores, its.queries, keys, its.depth);
            for (long i = 0; i < its.queries; i++) {
                if (bias.data && (i == 0 || bias.position))
                    memcpy(added, start<float>(bias, sentence, head) + i * bias.position,
                           sizeof(float) * its.keys);
                Vector *row = (Vector *)(scores + i * keys), *extra = (Vector *)added;
                for (long j = 0; j < vectors; j++) row[j] = row[j] * its.scale + extra[j];
                const float inverse = exponentials(row, vectors);
                for (long j = 0; j < vectors; j++) row[j] *= inverse;
                const long first = (number * its.queries + i) * its.keys;
                memcpy(weights + first, row, sizeof(float) * its.keys);
                if (its.dropout.threshold)
                    each(keys, [=, row = scores + i * keys, dropout = its.dropout](long j) {
                        row[j] *= factor(dropout, first + j);
                    });
            }
            load<T>(value, sentence, head, its.keys, its.depth, kv, keys, depth);
            multiply(scores, keys, 1, kv, result, its.queries, depth, its.keys);
            store<T>(result, depth, context, sentence, head, its.queries, its.depth);
        }
    }
    return complete;
}

// The same with nothing dropped and no weights kept, for the few queries of a decoder's step: keys and
// values are read where it remembers them, in whole vectors, of which its heads consist.
template <class T>
bool attention_step(const Attention &its, const Heads &query, const Heads &key, const Heads &value,
                    const Heads &bias, const Heads &context) {
    const long keys = round_up(its.keys, WIDTH), vectors = its.depth / WIDTH;
    bool complete = true;
#pragma omp parallel num_threads(its.threads)
    {
        Room room(keys + its.depth);
        float *weights = room.take(keys);
        Vector *q = (Vector *)room.take(its.depth), *row = (Vector *)weights;
#pragma omp for schedule(static) reduction(&& : complete)
        for (long number = 0; number < its.batch * its.heads * its.queries; number++) {
            const long i = number % its.queries, head = number / its.queries % its.heads;
            const long sentence = number / its.queries / its.heads;
            if (room.refused()) {
                complete = false;
                continue;
            }
            const T *from = start<const T>(query, sentence, head) + i * query.position;
            for (long v = 0; v < vectors; v++) q[v] = read(from + v * WIDTH) * its.scale;
            from = start<const T>(key, sentence, head);
            for (long j = 0; j < its.keys; j += 4) {
                Vector products[4] = {};
                for (long k = 0; k < 4; k++) {
                    const T *one = from + (j + k < its.keys ? j + k : j) * key.position;
                    for (long v = 0; v < vectors; v++) products[k] += q[v] * read(one + v * WIDTH);
                }
                const auto scores = sum(products);
                memcpy(weights + j, &scores, sizeof scores);
            }
            for (long j = its.keys; j < keys; j++) weights[j] = -__builtin_inff();
            if (bias.data) {
                const float *added = start<float>(bias, sentence, head) + i * bias.position;
                each(its.keys, [=](long j) { weights[j] += added[j]; });
            }
            const float inverse = exponentials(row, keys / WIDTH);
            T *to = start<T>(context, sentence, head) + i * context.position;
            for (long v = 0; v < vectors; v++, to += WIDTH) {
                Vector even = {}, odd = {};
                from = start<const T>(value, sentence, head) + v * WIDTH;
                for (long j = 0; j + 1 < its.keys; j += 2, from += 2 * value.position) {
                    even += weights[j] * read(from);
                    odd += weights[j + 1] * read(from + value.position);
                }
                if (its.keys % 2) even += weights[its.keys - 1] * read(from);
                const Vector mean = (even + odd) * inverse;
                each(WIDTH, [=](long d) { to[d] = narrow<T>(mean[d]); });
            }
        }
    }
    return complete;
}

template <class T>
bool attention_backward(const Attention &its, const Heads &query, const Heads &key,
                        const Heads &value, const Heads &gradient, const float *weights,
                        const Heads &of_query, const Heads &of_key, const Heads &of_value) {
    const long queries = round_up(its.queries, ROWS), keys = round_up(its.keys, WIDTH);
    const long depth = round_up(its.depth, WIDTH), vectors = keys / WIDTH;
    const long longest = queries > keys ? queries : keys;
    bool complete = true;
#pragma omp parallel num_threads(its.threads)
    {
        Room room((2 * queries + 2 * keys + longest) * depth + (2 * queries + 1) * keys);
        float *q = room.take(queries * depth), *g = room.take(queries * depth);
        float *kv = room.take(keys * depth), *turned = room.take(keys * depth);
        float *errors = room.take(queries * keys), *dropped = room.take(queries * keys);
        float *softmax = room.take(keys), *result = room.take(longest * depth);
        if (!room.refused()) memset(dropped, 0, sizeof(float) * (queries + 1) * keys);
#pragma omp for schedule(static) reduction(&& : complete)
        for (long number = 0; number < its.batch * its.heads; number++) {
            const long sentence = number / its.heads, head = number % its.heads;
            if (room.refused()) {
                complete = false;
                continue;
            }
            if (sentence + 1 < its.batch) {
                prefetch<T>(gradient, sentence + 1, head, its.queries, its.depth);
                prefetch<T>(query, sentence + 1, head, its.queries, its.depth);
                prefetch<T>(key, sentence + 1, head, its.keys, its.depth);
                prefetch<T>(value, sentence + 1, head, its.keys, its.depth);
            }
            load<T>(gradient, sentence, head, its.queries, its.depth, g, queries, depth);
            load<T>(value, sentence, head, its.keys, its.depth, kv, keys, depth);
            transpose(kv, turned, keys, depth);
            multiply(g, depth, 1, turned, errors, its.queries, keys, its.depth);
            for (long i = 0; i < its.queries; i++) {
                const long first = (number * its.queries + i) * its.keys;
                memcpy(softmax, weights + first, sizeof(float) * its.keys);
                memcpy(dropped + i * keys, softmax, sizeof(float) * keys);
                if (its.dropout.threshold)
                    each(keys, [=, error = errors + i * keys, weight = dropped + i * keys,
                                dropout = its.dropout](long j) {
                        const float scale = factor(dropout, first + j);
                        error[j] *= scale;
                        weight[j] *= scale;
                    });
                // Of a softmax: each weight times how much its error lies above the mean error.
                Vector *error = (Vector *)(errors + i * keys), *weight = (Vector *)softmax;
                Vector products = {};
                for (long j = 0; j < vectors; j++) products += error[j] * weight[j];
                const float mean = sum(products);
                for (long j = 0; j < vectors; j++)
                    error[j] = (error[j] - mean) * weight[j] * its.scale;
            }
            multiply(dropped, 1, keys, g, result, its.keys, depth, its.queries);
            store<T>(result, depth, of_value, sentence, head, its.keys, its.depth);
            load<T>(key, sentence, head, its.keys, its.depth, kv, keys, depth);
            multiply(errors, keys, 1, kv, result, its.queries, depth, its.keys);
            store<T>(result, depth, of_query, sentence, head, its.queries, its.depth);
            load<T>(query, sentence, head, its.queries, its.depth, q, queries, depth);
            multiply(errors, 1, keys, q, result, its.keys, depth, its.queries);
            store<T>(result, depth, of_key, sentence, head, its.keys, its.depth);
        }
    }
    return complete;
}

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

// Of each row of logits the logarithm of the normaliser, and in its place the gradient of
// cross-entropy: softmax, less `share` at the target.
template <class T>
bool cross_entropy(void *logits, const int64_t *targets, float share, float *normalisers, long rows,
                   uint32_t width, int threads) {
    bool complete = true;
#pragma omp parallel num_threads(threads)
    {
        Room room(round_up(width, WIDTH));
        float *powers = room.take(width);
#pragma omp for schedule(static) reduction(&& : complete)
        for (long row = 0; row < rows; row++) {
            if (room.refused()) {
                complete = false;
                continue;
            }
            T *x = static_cast<T *>(logits) + row * width;
            float most = widen(x[0]), sum = 0;
#pragma omp simd reduction(max : most)
            for (uint32_t i = 0; i < width; i++) most = widen(x[i]) > most ? widen(x[i]) : most;
#pragma omp simd reduction(+ : sum)
            for (uint32_t i = 0; i < width; i++) {
                powers[i] = exponential(widen(x[i]) - most);
                sum += powers[i];
            }
            normalisers[row] = most + __builtin_logf(sum);
            powers[targets[row]] -= share * sum;
            const float inverse = 1 / sum;
            for (uint32_t i = 0; i < width; i++) x[i] = narrow<T>(powers[i] * inverse);
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

bool mt_cross_entropy(bool half, void *logits, const int64_t *targets, float share,
                      float *normalisers, long rows, uint32_t width, int threads) {
    const auto run = half ? cross_entropy<bfloat16> : cross_entropy<float>;
    return run(logits, targets, share, normalisers, rows, width, threads);
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
    return pairs::cross_entropy(x, given, weight, bias, targets, share, normalisers, wanted, of_x,
                                of_weight, of_bias, rows, inputs, outputs, threads);
}
#endif
}
