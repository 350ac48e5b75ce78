// The encoder, and the decoder step by step.

#pragma once

#include "model.h"

namespace {

// Sentences that are translated together, one behind the other.
struct Sources {
    Sources(long count, const int *lengths, const int *tokens, int end) {
        for (long i = 0; i < count; i++) {
            first.push_back(long(this->tokens.size()));
            this->tokens.insert(this->tokens.end(), tokens, tokens + lengths[i]);
            this->tokens.push_back(end);
            tokens += lengths[i];
        }
        first.push_back(long(this->tokens.size()));
    }
    long count() const { return long(first.size()) - 1; }
    long length(long i) const { return first[i + 1] - first[i]; }

    std::vector<int> tokens;   // with end marks
    std::vector<long> first;   // of each sentence, and the end of the last
};

// Rows that are computed together, and the room to do so.
class Pass {
  public:
    Pass(const Model &model, const Stack &stack, long most)
        : model(model), stack(stack), x(most, model.its.dim), h(most, model.its.dim),
          inner(most, model.its.feed_forward),
          gate(stack.layers[0].gated ? most : 0, model.its.feed_forward),
          context(most, model.states) {}

    void embed(long row, int token, long position) {
        const long dim = model.its.dim;
        const float *from = stack.embedding + token * dim, scale = std::sqrt(float(dim));
        const float *place = stack.positions;
        if (place) place += std::min(position, model.its.positions - 1) * dim;
        for (long i = 0; i < dim; i++) x[row][i] = from[i] * scale + (place ? place[i] : 0);
        for (long i = dim; i < x.wide; i++) x[row][i] = 0;
    }

    // A residual connection: `inside` adds to x what it makes of what it is given.
    template <class Inside> void residual(long rows, const Norm &norm, Inside inside) {
        if (model.its.pre_norm) {
            norm(x, rows, h);
            inside(h);
        } else {
            inside(x);
            norm(x, rows, x);
        }
    }

    void feed_forward(long rows, const Layer &layer) {
        residual(rows, layer.feed_norm, [&](const Rows &states) {
            layer.widen(states, rows, inner, scratch);
            if (layer.gated) layer.gate(states, rows, gate, scratch);
            for (long row = 0; row < rows; row++)
                for (long v = 0; v < inner.wide / WIDTH; v++) {
                    Vector &number = vector(inner[row], v);
                    number = activate(model.its.activation, number);
                    if (layer.gated) number *= vector(gate[row], v);
                }
            layer.narrow(inner, rows, x, scratch, true);
        });
    }

    const Model &model;
    const Stack &stack;
    Rows x, h, inner, gate, context;
    Integers8 scratch;
};

// Keys of a sentence, turned so that numbers of one place in all of them lie side by side.
void turn(const float *keys, long down, long length, long numbers, float *to) {
    const long wide = round_up(length, WIDTH);
    for (long d = 0; d < numbers; d++, to += wide)
        for (long j = 0; j < wide; j++) to[j] = j < length ? keys[j * down + d] : 0;
}

// One query, of all heads, to a sentence: its keys as `turn` leaves them, and rows of values.
//
// Several sums grow at once, and so do the softmaxes of all heads: each waits for its last step.
void attend(const Model &model, const float *query, const float *keys, const float *values,
            long down, long length, float scale, float *scores, float *context) {
    const long wide = round_up(length, WIDTH), depth = model.heads.padded;
    for (long head = 0; head < model.its.heads; head++)
        for (long v = 0; v < wide / WIDTH; v++) {
            const float *q = query + head * depth, *k = keys + head * depth * wide + v * WIDTH;
            Vector a = {}, b = {}, c = {}, d = {};
            for (long i = 0; i < depth; i += 4, q += 4, k += 4 * wide) {
                a += q[0] * vector(k);
                b += q[1] * vector(k + wide);
                c += q[2] * vector(k + 2 * wide);
                d += q[3] * vector(k + 3 * wide);
            }
            vector(scores + head * wide, v) = (a + b + (c + d)) * scale;
        }
    softmax(scores, model.its.heads, length, wide);
    for (long head = 0; head < model.its.heads; head++)
        for (long v = 0; v < depth / WIDTH; v++) {
            const float *weights = scores + head * wide, *from = values + head * depth + v * WIDTH;
            Vector a = {}, b = {};
            for (long j = 0; j + 1 < length; j += 2, from += 2 * down) {
                a += weights[j] * vector(from);
                b += weights[j + 1] * vector(from + down);
            }
            if (length % 2) a += weights[length - 1] * vector(from);
            vector(context + head * depth, v) = a + b;
        }
}

// What the decoder knows of the sources: of each layer the keys and values of all their tokens.
class Memory {
  public:
    Memory(const Model &model, const Sources &sources) : sources(sources) {
        const Rows states = encode(model);
        const long rows = sources.first.back();
        Integers8 scratch;
        for (const Layer &layer : model.decoder.layers) {
            Rows both(rows, 2 * model.states, false);
            layer.memory(states, rows, both, scratch);
            Array<float> turned(model.states * place(sources.count()), false);
            for (long i = 0; i < sources.count(); i++)
                turn(both[sources.first[i]], both.wide, sources.length(i), model.states,
                     &turned[place(i) * model.states]);
            keys.push_back(std::move(turned));
            values.push_back(std::move(both));
        }
    }

    void attend(const Model &model, long layer, long sentence, const float *query, float *scores,
                float *context) const {
        const float *of_values = values[layer][sources.first[sentence]] + model.states;
        ::attend(model, query, &keys[layer][place(sentence) * model.states], of_values,
                 values[layer].wide, sources.length(sentence), model.its.cross_scale, scores,
                 context);
    }

  private:
    // Where the keys of a sentence begin, each filled up to a multiple of WIDTH.
    long place(long sentence) const {
        return round_up(sources.first[sentence], WIDTH) + sentence * WIDTH;
    }

    Rows encode(const Model &model) const {
        const long rows = sources.first.back(), states = model.states;
        Pass pass(model, model.encoder, rows);
        Rows all(rows, 3 * states);
        long longest = 0;
        for (long i = 0; i < sources.count(); i++) {
            for (long j = 0; j < sources.length(i); j++)
                pass.embed(sources.first[i] + j, sources.tokens[sources.first[i] + j], j);
            longest = std::max(longest, round_up(sources.length(i), WIDTH));
        }
        Array<float> turned(states * longest), scores(model.its.heads * longest);
        for (const Layer &layer : model.encoder.layers) {
            pass.residual(rows, layer.self_norm, [&](const Rows &x) {
                layer.in(x, rows, all, pass.scratch);
                for (long i = 0; i < sources.count(); i++) {
                    const long first = sources.first[i], length = sources.length(i);
                    if (model.its.rotary)
                        for (long j = 0; j < length; j++)
                            rotate(all[first + j], 2 * model.its.heads, model.heads, j);
                    turn(all[first] + states, all.wide, length, states, &turned[0]);
                    for (long j = 0; j < length; j++)
                        ::attend(model, all[first + j], &turned[0], all[first] + 2 * states,
                                 all.wide, length, model.its.self_scale, &scores[0],
                                 pass.context[first + j]);
                }
                layer.self_out(pass.context, rows, pass.x, pass.scratch, true);
            });
            pass.feed_forward(rows, layer);
        }
        if (model.its.pre_norm) model.encoder.last(pass.x, rows, pass.x);
        return std::move(pass.x);
    }

    const Sources &sources;
    std::vector<Array<float>> keys;
    std::vector<Rows> values;
};

// A hypothesis that grows.
struct Row {
    long sentence;
    int token;        // its last one
    long node;        // where its tokens are kept; -1: it has none
    double total;     // log-probability
    std::vector<int> past;  // which row it was at each step so far
};

class Decoder {
  public:
    Decoder(const Model &model, const Sources &sources, long most)
        : model(model), memory(model, sources), pass(model, model.decoder, most),
          query(most, model.states), cache(model.decoder.layers.size()) {
        long longest = 0;
        for (long i = 0; i < sources.count(); i++) longest = std::max(longest, sources.length(i));
        scores = Array<float>(model.its.heads * round_up(longest, WIDTH));
    }

    // Read the last token of each row; every row is as long. Returns the states of the last layer.
    const Rows &step(std::vector<Row> &rows) {
        const long count = long(rows.size()), time = length++;
        for (long r = 0; r < count; r++) {
            pass.embed(r, rows[r].token, time);
            rows[r].past.push_back(int(r));
        }
        if (time % WIDTH == 0) own = Array<float>(model.its.heads * (time + WIDTH));
        for (size_t l = 0; l < cache.size(); l++) {
            const Layer &layer = model.decoder.layers[l];
            pass.residual(count, layer.self_norm, [&](const Rows &x) {
                cache[l].emplace_back(count, 3 * model.states, false);
                layer.in(x, count, cache[l].back(), pass.scratch);
                for (long r = 0; r < count; r++) {
                    if (model.its.rotary)
                        rotate(cache[l].back()[r], 2 * model.its.heads, model.heads, time);
                    attend(cache[l], r, rows[r].past);
                }
                layer.self_out(pass.context, count, pass.x, pass.scratch, true);
            });
            pass.residual(count, layer.cross_norm, [&](const Rows &x) {
                layer.query(x, count, query, pass.scratch);
                for (long r = 0; r < count; r++)
                    memory.attend(model, l, rows[r].sentence, query[r], &scores[0],
                                  pass.context[r]);
                layer.cross_out(pass.context, count, pass.x, pass.scratch, true);
            });
            pass.feed_forward(count, layer);
        }
        if (!model.its.pre_norm) return pass.x;
        model.decoder.last(pass.x, count, pass.h);
        return pass.h;
    }

    Integers8 &scratch() { return pass.scratch; }

  private:
    // The query of a row to what it has read: the keys and values lie where they were computed.
    void attend(const std::vector<Rows> &cached, long row, const std::vector<int> &past) {
        const long count = long(past.size()), wide = round_up(count, WIDTH);
        const long states = model.states, depth = model.heads.padded;
        const long heads = model.its.heads;
        const float *query = cached.back()[row], scale = model.its.self_scale;
        for (long t = 0; t < count; t++) {
            const float *key = cached[t][past[t]] + states;
            for (long first = 0; first < heads; first += 4) {
                Vector products[4] = {};
                const long last = std::min(first + 4, heads);
                for (long head = first; head < last; head++)
                    for (long i = head * depth; i < (head + 1) * depth; i += WIDTH)
                        products[head - first] += vector(query + i) * vector(key + i);
                const auto sums = sum(products) * scale;
                for (long head = first; head < last; head++)
                    own[head * wide + t] = sums[head - first];
            }
        }
        softmax(&own[0], model.its.heads, count, wide);
        float *context = pass.context[row];
        memset(context, 0, sizeof(float) * states);
        for (long t = 0; t < count; t++) {
            const float *value = cached[t][past[t]] + 2 * states;
            for (long head = 0; head < model.its.heads; head++)
                for (long i = head * depth; i < (head + 1) * depth; i += WIDTH)
                    vector(context + i) += own[head * wide + t] * vector(value + i);
        }
    }

    const Model &model;
    Memory memory;
    Pass pass;
    Rows query;
    std::vector<std::vector<Rows>> cache;  // of each layer and step: queries, keys and values
    Array<float> scores, own;
    long length = 0;
};

}  // namespace
