// Attention and its gradient in products of pairs, for heads of an even depth.
//
// What is multiplied is rounded to bfloat16, the weights of values and the gradient of scores too; scores,
// softmax and the gradient of the weights are float. Where no gradient is wanted, weights are not
// rounded, so that a context does not depend on how many are computed at once.

#pragma once

#include "attention.h"
#include "pairs.h"

#ifdef __AVX512BF16__

namespace {
namespace pairs {

constexpr long ROUNDED = 8 * WIDTH;  // more than what is taken is rounded up by, to whole vectors

// Whether attention is computed here, in which such states are a left matrix: their numbers have to be
// pairs in memory.
inline bool made_for(const Attention &its, const Heads &left) {
    return its.with_gradient && its.depth % 2 == 0 &&
           (left.batch | left.head | left.position) % 2 == 0 &&
           (uintptr_t)left.data % sizeof(Pair) == 0;
}

// Scores, and in place of those that would fill up the last vector, no matter what.
struct Scores : Matrix<float> {
    void prefetch(long, long) const {}  // they stay in the cache
    void put(long row, long column, __mmask16, __m512 sum) const {
        _mm512_storeu_ps(at(row, column), sum);
    }
};

// The states of a head of a sentence.
struct States : Matrix<Half> {
    long length, depth;

    States(const Attention &its, const Heads &of, long length, long sentence, long head)
        : Matrix<Half>{start<Half>(of, sentence, head), of.position}, length(length),
          depth(its.depth) {}

    // y = s B, where B lies in panels.
    template <class Output> void multiply(const Pair *panels, long columns, const Output &y) const {
        multiply_rows(Rows{(const Pair *)data, this->columns / 2}, length, depth, panels, nullptr,
                      columns, y);
    }

    // As a right matrix.
    void interleave(Pair *panels) const {
        for (long d = 0; d < depth; d += PANEL, panels += PANEL * ((length + 1) / 2))
            interleave_panel(data + d, length, columns, least(PANEL, depth - d), panels);
    }

    // Transposed, as a right matrix.
    void turn(Pair *panels) const { turn_panels(data, length, columns, depth, panels); }
};

// A matrix whose columns become rows of pairs.
inline void pair_rows(const Half *from, long rows, long columns, Pair *to) {
    for (long row = 0; row < rows; row += 2, from += 2 * columns, to += columns)
        for (long j = 0; j < columns; j += WIDTH) {
            const Half *second = row + 1 < rows ? from + columns + j : nullptr;
            _mm512_storeu_si512(to + j, interleave(0xffff, from + j, second));
        }
}

bool attention_forward(const Attention &its, const Heads &query, const Heads &key,
                       const Heads &value, const Heads &bias, float *weights,
                       const Heads &context) {
    const long keys = round_up(its.keys, WIDTH);
    const long turned = panels_of(its.depth, its.keys), between = panels_of(its.keys, its.depth);
    const long numbers = turned + between + its.queries * (keys + keys / 2) + keys;
    return by_heads(its, numbers + ROUNDED, [&](Room &room) {
        Pair *keys_turned = room.take<Pair>(turned), *values = room.take<Pair>(between);
        float *scores = room.take(its.queries * keys);
        Half *dropped = (Half *)room.take<Pair>(its.queries * keys / 2);
        return [=, &its, added = Added(its, bias, room)](long sentence, long head) {
            const auto states = [&](const Heads &of, long length) {
                return States(its, of, length, sentence, head);
            };
            prefetch_next<Half>(its, sentence, head, {&query}, {&key, &value});
            states(key, its.keys).turn(keys_turned);
            states(query, its.queries).multiply(keys_turned, its.keys, Scores{scores, keys});
            for (long i = 0; i < its.queries; i++) {
                weigh(its, number_of(its, sentence, head, i), added.of(sentence, head, i),
                      scores + i * keys, weights);
                round_to_half(scores + i * keys, keys, dropped + i * keys);
            }
            states(value, its.keys).interleave(values);
            multiply_rows(Rows{(const Pair *)dropped, keys / 2}, its.queries, its.keys, values,
                          nullptr, its.depth, states(context, its.queries));
        };
    });
}

bool attention_backward(const Attention &its, const Heads &query, const Heads &key,
                        const Heads &value, const Heads &gradient, const float *weights,
                        const Heads &of_query, const Heads &of_key, const Heads &of_value) {
    const long keys = round_up(its.keys, WIDTH), queries = its.queries;
    const long longest = queries > its.keys ? queries : its.keys;
    const long turned = panels_of(its.depth, its.keys), between = panels_of(longest, its.depth);
    const long halves = queries * keys / 2, paired = (queries + 1) / 2 * keys;
    const long numbers = turned + between + queries * keys + 2 * halves + paired + 2 * keys;
    return by_heads(its, numbers + ROUNDED, [&](Room &room) {
        Pair *values = room.take<Pair>(turned), *panels = room.take<Pair>(between);
        float *errors = room.take(queries * keys);
        Half *of_scores = (Half *)room.take<Pair>(halves);
        Half *dropped = (Half *)room.take<Pair>(halves);
        Pair *by_keys = room.take<Pair>(paired);
        float *softmax = room.take(keys), *row = room.take(keys);
        return [=, &its](long sentence, long head) {
            const auto states = [&](const Heads &of, long length) {
                return States(its, of, length, sentence, head);
            };
            prefetch_next<Half>(its, sentence, head, {&gradient, &query}, {&key, &value});
            const States errors_of_context = states(gradient, queries);
            states(value, its.keys).turn(values);
            errors_of_context.multiply(values, its.keys, Scores{errors, keys});
            for (long i = 0; i < queries; i++) {
                weigh_errors(its, number_of(its, sentence, head, i), weights, softmax,
                             errors + i * keys, row);
                round_to_half(row, keys, dropped + i * keys);
                round_to_half(errors + i * keys, keys, of_scores + i * keys);
            }
            errors_of_context.interleave(panels);
            pair_rows(dropped, queries, keys, by_keys);
            multiply_rows(Columns<>{by_keys, keys}, its.keys, queries, panels, nullptr,
                          its.depth, states(of_value, its.keys));
            states(key, its.keys).interleave(panels);
            multiply_rows(Rows{(const Pair *)of_scores, keys / 2}, queries, its.keys, panels,
                          nullptr, its.depth, states(of_query, queries));
            states(query, queries).interleave(panels);
            pair_rows(of_scores, queries, keys, by_keys);
            multiply_rows(Columns<>{by_keys, keys}, its.keys, queries, panels, nullptr,
                          its.depth, states(of_key, its.keys));
        };
    });
}

}  // namespace pairs
}  // namespace

#undef INLINED

#endif
