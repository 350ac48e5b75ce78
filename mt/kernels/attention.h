// Attention of one head of one sentence after the other, in memory that stays in the cache, in float.

#pragma once

#include "numbers.h"
#include "room.h"

#include <initializer_list>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

extern "C" {

// What Python fills in: see mt/kernels/native.py.

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
    bool with_gradient;  // whether one is recorded
};
}

namespace {

constexpr long ROWS = 4;  // of a product that are computed together

// The product of ROWS rows and some vectors of columns.
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

// Ask for what is read of the next sentence: states of queries, and of keys.
template <class T>
void prefetch_next(const Attention &its, long sentence, long head,
                   std::initializer_list<const Heads *> of_queries,
                   std::initializer_list<const Heads *> of_keys) {
    if (sentence + 1 == its.batch) return;
    for (const Heads *of : of_queries) prefetch<T>(*of, sentence + 1, head, its.queries, its.depth);
    for (const Heads *of : of_keys) prefetch<T>(*of, sentence + 1, head, its.keys, its.depth);
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

// Do something with each head of each sentence. `prepare` takes what a thread needs from its memory, so
// many numbers of 32 bits, and returns what is done. Returns whether there was memory enough.
template <class Prepare> bool by_heads(const Attention &its, long numbers, Prepare prepare) {
    bool complete = true;
#pragma omp parallel num_threads(its.threads)
    {
        Room room(numbers);
        const auto work = prepare(room);
#pragma omp for schedule(static) reduction(&& : complete)
        for (long number = 0; number < its.batch * its.heads; number++) {
            if (room.refused())
                complete = false;
            else
                work(number / its.heads, number % its.heads);
        }
    }
    return complete;
}

// What is added to the scores of a query, whose keys are filled up with such as nothing looks at.
struct Added {
    const Attention &its;
    const Heads &bias;
    float *numbers;

    Added(const Attention &its, const Heads &bias, Room &room) : its(its), bias(bias) {
        const long keys = round_up(its.keys, WIDTH);
        numbers = room.take(keys);
        for (long j = 0; j < keys && !room.refused(); j++)
            numbers[j] = j < its.keys ? 0 : -__builtin_inff();
    }

    const Vector *of(long sentence, long head, long query) const {
        if (bias.data && (query == 0 || bias.position))
            memcpy(numbers, start<float>(bias, sentence, head) + query * bias.position,
                   sizeof(float) * its.keys);
        return (Vector *)numbers;
    }
};

#ifdef __AVX512F__
// Do something with whole vectors of a row, and the lanes in which it has numbers.
template <class Body> inline void by_vectors(long count, Body body) {
    for (long j = 0; j < count; j += WIDTH)
        body(j, __mmask16(count - j < WIDTH ? (1 << (count - j)) - 1 : 0xffff));
}
#endif

// Copy a row.
inline void copy_row(const float *from, long count, float *to) {
#ifdef __AVX512F__  // memcpy takes longer for so few numbers
    by_vectors(count, [=](long j, __mmask16 those) {
        _mm512_mask_storeu_ps(to + j, those, _mm512_maskz_loadu_ps(those, from + j));
    });
#else
    memcpy(to, from, sizeof(float) * count);
#endif
}

// Copy a row, and fill it up with zeros to whole vectors.
inline void fill_up(const float *from, long count, float *to) {
#ifdef __AVX512F__  // what is written by whole vectors can be read at once
    by_vectors(count, [=](long j, __mmask16 those) {
        _mm512_storeu_ps(to + j, _mm512_maskz_loadu_ps(those, from + j));
    });
#else
    memcpy(to, from, sizeof(float) * count);
    memset(to + count, 0, sizeof(float) * (round_up(count, WIDTH) - count));
#endif
}

// Which of all queries this is.
inline long number_of(const Attention &its, long sentence, long head, long query) {
    return (sentence * its.heads + head) * its.queries + query;
}

// The scores of a query become what values are weighted with, dropout(softmax(scale * scores + added)).
// Of the softmax its part of `weights` is kept.
inline void weigh(const Attention &its, long number, const Vector *added, float *scores,
                  float *weights) {
    const long vectors = round_up(its.keys, WIDTH) / WIDTH, first = number * its.keys;
    Vector *row = (Vector *)scores;
    for (long j = 0; j < vectors; j++) row[j] = row[j] * its.scale + added[j];
    const float inverse = exponentials(row, vectors);
    for (long j = 0; j < vectors; j++) row[j] *= inverse;
    copy_row(scores, its.keys, weights + first);
    if (its.dropout.threshold)
        each(vectors * WIDTH, [=, dropout = its.dropout](long j) {
            scores[j] *= factor(dropout, first + j);
        });
}

// From `errors`, the gradient of what the values of a query were weighted with, the gradient of its
// scores, and what that was, in `dropped`. `softmax` is what it works with.
inline void weigh_errors(const Attention &its, long number, const float *weights, float *softmax,
                         float *errors, float *dropped) {
    const long vectors = round_up(its.keys, WIDTH) / WIDTH, first = number * its.keys;
    fill_up(weights + first, its.keys, softmax);
    fill_up(weights + first, its.keys, dropped);
    if (its.dropout.threshold)
        each(vectors * WIDTH, [=, dropout = its.dropout](long j) {
            const float scale = factor(dropout, first + j);
            errors[j] *= scale;
            dropped[j] *= scale;
        });
    // Of a softmax: each weight times how much its error lies above the mean error.
    Vector *error = (Vector *)errors, *weight = (Vector *)softmax, products = {};
    for (long j = 0; j < vectors; j++) products += error[j] * weight[j];
    const float mean = sum(products);
    for (long j = 0; j < vectors; j++) error[j] = (error[j] - mean) * weight[j] * its.scale;
}

// context = dropout(softmax(scale * query key^T + bias)) value; `weights` are the softmax, [batch,
// heads, queries, keys].
template <class T>
bool attention_forward(const Attention &its, const Heads &query, const Heads &key,
                       const Heads &value, const Heads &bias, float *weights,
                       const Heads &context) {
    const long queries = round_up(its.queries, ROWS), keys = round_up(its.keys, WIDTH);
    const long depth = round_up(its.depth, WIDTH);
    const long numbers = (2 * queries + 2 * keys) * depth + (queries + 1) * keys;
    return by_heads(its, numbers, [&](Room &room) {
        float *q = room.take(queries * depth), *kv = room.take(keys * depth);
        float *turned = room.take(keys * depth), *result = room.take(queries * depth);
        float *scores = room.take(queries * keys);
        return [=, &its, added = Added(its, bias, room)](long sentence, long head) {
            prefetch_next<T>(its, sentence, head, {&query}, {&key, &value});
            load<T>(query, sentence, head, its.queries, its.depth, q, queries, depth);
            load<T>(key, sentence, head, its.keys, its.depth, kv, keys, depth);
            transpose(kv, turned, keys, depth);
            multiply(q, depth, 1, turned, scores, its.queries, keys, its.depth);
            for (long i = 0; i < its.queries; i++)
                weigh(its, number_of(its, sentence, head, i), added.of(sentence, head, i),
                      scores + i * keys, weights);
            load<T>(value, sentence, head, its.keys, its.depth, kv, keys, depth);
            multiply(scores, keys, 1, kv, result, its.queries, depth, its.keys);
            store<T>(result, depth, context, sentence, head, its.queries, its.depth);
        };
    });
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
    const long depth = round_up(its.depth, WIDTH);
    const long longest = queries > keys ? queries : keys;
    const long numbers = (2 * queries + 2 * keys + longest) * depth + (2 * queries + 1) * keys;
    return by_heads(its, numbers, [&](Room &room) {
        float *q = room.take(queries * depth), *g = room.take(queries * depth);
        float *kv = room.take(keys * depth), *turned = room.take(keys * depth);
        float *errors = room.take(queries * keys), *dropped = room.take(queries * keys);
        float *softmax = room.take(keys), *result = room.take(longest * depth);
        return [=, &its](long sentence, long head) {
            prefetch_next<T>(its, sentence, head, {&gradient, &query}, {&key, &value});
            load<T>(gradient, sentence, head, its.queries, its.depth, g, queries, depth);
            load<T>(value, sentence, head, its.keys, its.depth, kv, keys, depth);
            transpose(kv, turned, keys, depth);
            multiply(g, depth, 1, turned, errors, its.queries, keys, its.depth);
            for (long i = 0; i < its.queries; i++)
                weigh_errors(its, number_of(its, sentence, head, i), weights, softmax,
                             errors + i * keys, dropped + i * keys);
            multiply(dropped, 1, keys, g, result, its.keys, depth, its.queries);
            store<T>(result, depth, of_value, sentence, head, its.keys, its.depth);
            load<T>(key, sentence, head, its.keys, its.depth, kv, keys, depth);
            multiply(errors, keys, 1, kv, result, its.queries, depth, its.keys);
            store<T>(result, depth, of_query, sentence, head, its.queries, its.depth);
            load<T>(query, sentence, head, its.queries, its.depth, q, queries, depth);
            multiply(errors, 1, keys, q, result, its.keys, depth, its.queries);
            store<T>(result, depth, of_key, sentence, head, its.keys, its.depth);
        };
    });
}

}  // namespace
