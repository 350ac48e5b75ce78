// A Transformer that translates on a CPU: encoder, decoder and beam search, for many sentences at
// once by one thread.
//
// mt/translation/engines/native/library.py compiles this file and calls it. No sentence is padded
// to the length of another, and what is found for it does not depend on the others. Numbers are
// float. Products are of float, or of 8-bit integers: each output's weights, and each state, are
// divided by their largest number.

#include "vectors.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#if defined __AVX512VNNI__ || defined __AVXVNNI__
#include <immintrin.h>
#endif

// What Python fills in: see library.py.
extern "C" {

struct Shape {
    long dim, heads, feed_forward, encoder_layers, decoder_layers;
    long source_size, target_size, positions;
    long activation;                // see `activate`
    long pre_norm, rotary;          // or not
    long integers;                  // multiplied, or float
    double self_scale, cross_scale;  // of scores
    int start, end;                 // tokens
    int never[3];                   // tokens that are in no translation
};

struct Search {
    long beam, best;
    long ngram;  // of which no hypothesis holds one twice; 0: all may be repeated
    long gnmt;   // whether the length counts as in Wu et al. (2016)
    double length_penalty;
};

struct Hypothesis {
    long length;  // tokens, without the end mark; -1: there is no such hypothesis
    double log_probability, score;
};
}

namespace {

constexpr long PANEL = 2 * WIDTH;  // outputs of a linear layer that are computed together
constexpr long FILL = 64;          // rows are filled up with zeros to a multiple
constexpr float NEVER = -__builtin_inff();

typedef int32_t Sums __attribute__((vector_size(64), may_alias));
typedef uint8_t Bytes __attribute__((vector_size(16), may_alias));

// Zeros at first, unless they are not needed, from an address on that suits vectors.
template <class T> class Array {
  public:
    Array() = default;
    explicit Array(long count, bool zeros = true) {
        const size_t bytes = round_up(std::max(count, 1l) * sizeof(T), 64);
        memory = static_cast<T *>(aligned_alloc(64, bytes));
        if (!memory) throw std::bad_alloc();
        if (zeros) memset(memory, 0, bytes);
    }
    Array(Array &&other) noexcept : memory(std::exchange(other.memory, nullptr)) {}
    Array &operator=(Array &&other) noexcept {
        std::swap(memory, other.memory);
        return *this;
    }
    ~Array() { free(memory); }
    T &operator[](long i) { return memory[i]; }
    const T &operator[](long i) const { return memory[i]; }

  private:
    T *memory = nullptr;
};

// A matrix.
struct Rows {
    Rows() = default;
    Rows(long rows, long columns, bool zeros = true)
        : wide(round_up(columns, FILL)), numbers(rows * wide, zeros) {}
    float *operator[](long row) { return &numbers[row * wide]; }
    const float *operator[](long row) const { return &numbers[row * wide]; }

    long wide = 0;
    Array<float> numbers;
};

inline Vector &vector(float *numbers, long number = 0) { return ((Vector *)numbers)[number]; }
inline const Vector &vector(const float *numbers, long number = 0) {
    return ((const Vector *)numbers)[number];
}

inline Vector size_of(Vector x) { return x < 0 ? -x : x; }

// The weights of a model, by name.
struct Weights {
    long count;
    const char *const *names;
    const float *const *numbers;

    const float *operator()(const std::string &name) const {
        for (long i = 0; i < count; i++)
            if (name == names[i]) return numbers[i];
        return nullptr;
    }
};

// Where numbers of heads lie in a row: those of each head are filled up to a multiple of WIDTH.
struct Heads {
    long depth = 1, padded = 1;  // without heads: side by side
    long operator()(long i) const { return i / depth * padded + i % depth; }
};

// sums + a b, of four products each: `a` are above 0, `b` of either sign.
inline Sums add_products(Sums sums, Sums a, const int8_t *b) {
#if defined __AVX512VNNI__
    return (Sums)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)a, *(const __m512i *)b);
#elif defined __AVXVNNI__
    __m256i half[2], factors[2];
    memcpy(half, &sums, sizeof sums);
    memcpy(factors, &a, sizeof a);
    for (int i = 0; i < 2; i++)
        half[i] = _mm256_dpbusd_avx_epi32(half[i], factors[i], ((const __m256i *)b)[i]);
    memcpy(&sums, half, sizeof sums);
    return sums;
#else
    uint8_t factors[64];
    memcpy(factors, &a, sizeof a);
    for (int i = 0; i < 64; i++) sums[i / 4] += factors[i] * b[i];
    return sums;
#endif
}

// How numbers become integers from -127 to 127, and what one is worth.
struct Quantized {
    Quantized(const float *numbers, long count) {
        float most = 0;
        for (long i = 0; i < count; i++) most = std::max(most, std::fabs(numbers[i]));
        factor = most > 0 ? 127 / most : 0, worth = most / 127;
    }
    int8_t operator()(float number) const { return int8_t(std::nearbyint(number * factor)); }
    float factor, worth;
};

// Rows as integers from 1 to 255, of which 128 is zero, and what one is worth in each row.
struct Integers8 {
    void take(const Rows &rows, long count, long columns) {
        if (count * columns > room) {
            room = count * columns;
            bytes = Array<uint8_t>(room);
        }
        wide = columns;
        worth.resize(count);
        for (long row = 0; row < count; row++) worth[row] = take(rows[row], row);
    }
    const uint8_t *operator[](long row) const { return &bytes[row * wide]; }

    long wide = 0;
    std::vector<float> worth;

  private:
    float take(const float *from, long row) {
        Vector sizes = {};
        for (long v = 0; v < wide / WIDTH; v++) {
            const Vector size = size_of(vector(from, v));
            sizes = size > sizes ? size : sizes;
        }
        const float most = largest(sizes), factor = most > 0 ? 127 / most : 0;
        for (long v = 0; v < wide / WIDTH; v++) {
            // Adding 1.5 * 2^23 rounds to an integer, which is then in the last bits.
            const Vector moved = vector(from, v) * factor + 12582912.0f;
            Sums bits;
            memcpy(&bits, &moved, sizeof bits);
            ((Bytes *)&bytes[row * wide])[v] = __builtin_convertvector((bits + 128) & 255, Bytes);
        }
        return most / 127;
    }

    long room = 0;
    Array<uint8_t> bytes;
};

// x W^T + b
class Linear {
  public:
    Linear() = default;

    // Take W, [outputs, inputs], and b, if there is one. Where inputs or outputs are heads, zeros
    // fill the places between them.
    Linear(const float *weight, const float *bias, long outputs, long inputs, bool integers,
           Heads out = {}, Heads in = {})
        : outputs(round_up(out(outputs - 1) + 1, PANEL)), inputs(round_up(in(inputs - 1) + 1, FILL)),
          integers(integers), added(this->outputs), worth(this->outputs), zero(this->outputs) {
        const long count = this->outputs * this->inputs;
        if (integers)
            bytes = Array<int8_t>(count);
        else
            numbers = Array<float>(count);
        Array<float> row(this->inputs);
        for (long i = 0; i < outputs; i++) {
            for (long k = 0; k < inputs; k++) row[in(k)] = weight[i * inputs + k];
            if (bias) added[out(i)] = bias[i];
            take(row, out(i));
        }
    }

    // y = x W^T + b, or y += x W^T + b.
    void operator()(const Rows &x, long rows, Rows &y, Integers8 &scratch, bool add = false) const {
        if (integers) scratch.take(x, rows, inputs);
        for (long column = 0; column < outputs; column += PANEL) {
            long row = 0;
            for (; row + 8 <= rows; row += 8) block<8>(x, scratch, row, column, y, add);
            for (; row + 2 <= rows; row += 2) block<2>(x, scratch, row, column, y, add);
            for (; row < rows; row++) block<1>(x, scratch, row, column, y, add);
        }
    }

  private:
    // Weights lie in panels of outputs, in each by inputs; integers by fours of inputs.
    void take(const Array<float> &row, long o) {
        const long panel = o / PANEL * inputs * PANEL, lane = o % PANEL;
        const Quantized whole(&row[0], inputs);
        worth[o] = whole.worth;
        for (long k = 0; k < inputs; k++) {
            if (!integers) numbers[panel + k * PANEL + lane] = row[k];
            if (integers)
                zero[o] += 128 * (bytes[panel + k / 4 * 4 * PANEL + lane * 4 + k % 4] = whole(row[k]));
        }
    }

    template <int ROWS>
    void block(const Rows &x, const Integers8 &whole, long row, long column, Rows &y,
               bool add) const {
        Vector products[ROWS][2];
        if (integers)
            multiply(whole, row, column, products);
        else
            multiply(x, row, column, products);
        for (int r = 0; r < ROWS; r++)
            for (int v = 0; v < 2; v++) {
                Vector &to = vector(y[row + r] + column, v);
                const Vector result = products[r][v] + vector(&added[column], v);
                to = add ? to + result : result;
            }
    }

    template <int ROWS>
    void multiply(const Integers8 &x, long row, long column, Vector (&products)[ROWS][2]) const {
        Sums sums[ROWS][2] = {};
        const int8_t *panel = &bytes[column * inputs];
        const uint8_t *from = x[row];
        for (long k = 0; k < inputs; k += 4, panel += 4 * PANEL)
            for (int r = 0; r < ROWS; r++) {
                int32_t four;
                memcpy(&four, from + r * inputs + k, sizeof four);
                for (int v = 0; v < 2; v++)
                    sums[r][v] = add_products(sums[r][v], Sums{} + four, panel + 64 * v);
            }
        for (int r = 0; r < ROWS; r++)
            for (int v = 0; v < 2; v++) {
                const Sums whole = sums[r][v] - ((const Sums *)&zero[column])[v];
                products[r][v] = __builtin_convertvector(whole, Vector)
                    * (vector(&worth[column], v) * x.worth[row + r]);
            }
    }

    template <int ROWS>
    void multiply(const Rows &x, long row, long column, Vector (&products)[ROWS][2]) const {
        Vector sums[ROWS][2] = {};
        const float *from = x[row], *panel = &numbers[column * inputs];
        for (long k = 0; k < inputs; k++, panel += PANEL)
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < 2; v++) sums[r][v] += from[r * x.wide + k] * vector(panel, v);
        memcpy(products, sums, sizeof sums);
    }

    long outputs = 0, inputs = 0;
    bool integers = false;
    Array<float> added, worth, numbers;
    Array<int8_t> bytes;
    Array<int32_t> zero;  // what zeros of a state, which are 128, add to an output
};

class Norm {
  public:
    Norm() = default;
    Norm(const float *gamma, const float *beta, long dim)
        : dim(dim), wide(round_up(dim, WIDTH)), gain(wide), shift(wide), real(wide) {
        for (long i = 0; i < dim; i++) gain[i] = gamma[i], shift[i] = beta[i], real[i] = 1;
    }

    void operator()(const Rows &x, long rows, Rows &y) const {
        for (long row = 0; row < rows; row++) {
            Vector total = {}, squares = {};
            for (long v = 0; v < wide / WIDTH; v++) total += vector(x[row], v);
            const float mean = sum(total) / dim;
            for (long v = 0; v < wide / WIDTH; v++) {
                const Vector off = (vector(x[row], v) - mean) * vector(&real[0], v);
                squares += off * off;
            }
            const float inverse = 1 / std::sqrt(sum(squares) / dim + 1e-5f);
            for (long v = 0; v < wide / WIDTH; v++)
                vector(y[row], v) = (vector(x[row], v) - mean) * inverse * vector(&gain[0], v)
                    + vector(&shift[0], v);
        }
    }

  private:
    long dim = 0, wide = 0;
    Array<float> gain, shift, real;  // `real`: 1 at numbers, 0 where a row is filled up
};

inline Vector sigmoid(Vector x) {
    const Vector power = exponential(-size_of(x));
    return (x < 0 ? power : Vector{} + 1) / (1 + power);
}

// The error function, by Abramowitz and Stegun (1964), 7.1.26: within 1.5e-7.
inline Vector erf(Vector x) {
    const Vector t = 1 / (1 + 0.3275911f * size_of(x));
    Vector y = t * 1.061405429f - 1.453152027f;
    y = y * t + 1.421413741f;
    y = y * t - 0.284496736f;
    y = y * t + 0.254829592f;
    y = 1 - y * t * exponential(-x * x);
    return x < 0 ? -y : y;
}

inline Vector activate(long which, Vector x) {
    switch (which) {
    case 0: return x > 0 ? x : Vector{};                   // ReLU
    case 2: return x * sigmoid(x);                         // SiLU
    default: return x * (1 + erf(x * 0.70710678f)) * 0.5f;  // GELU
    }
}

// Softmax of `count` scores, in place; places up to a multiple of WIDTH become 0.
inline void softmax(float *scores, long count) {
    const long vectors = round_up(count, WIDTH) / WIDTH;
    for (long i = count; i < vectors * WIDTH; i++) scores[i] = -1e30f;
    Vector most = vector(scores), total = {};
    for (long v = 1; v < vectors; v++)
        most = vector(scores, v) > most ? vector(scores, v) : most;
    const float top = largest(most);
    for (long v = 0; v < vectors; v++)
        total += vector(scores, v) = exponential(vector(scores, v) - top);
    const float inverse = 1 / sum(total);
    for (long v = 0; v < vectors; v++) vector(scores, v) *= inverse;
}

// Turn the first half of each head's numbers against the second (Su et al. 2024).
void rotate(float *states, long heads, Heads of, long position) {
    for (long i = 0; i < of.depth / 2; i++) {
        const double angle = position * std::pow(10000.0, -2.0 * i / of.depth);
        const float c = std::cos(angle), s = std::sin(angle);
        for (long head = 0; head < heads; head++) {
            float *a = states + head * of.padded + i, *b = a + of.depth / 2;
            const float first = *a, second = *b;
            *a = first * c - second * s;
            *b = second * c + first * s;
        }
    }
}

// The output layer for a few tokens.
class Table {
  public:
    Table() = default;
    Table(const float *weight, const float *bias, long outputs, long inputs, bool integers)
        : inputs(round_up(inputs, FILL)), integers(integers), added(outputs), worth(outputs),
          zero(outputs) {
        if (integers)
            bytes = Array<int8_t>(outputs * this->inputs);
        else
            numbers = Array<float>(outputs * this->inputs);
        for (long o = 0; o < outputs; o++, weight += inputs) {
            if (bias) added[o] = bias[o];
            const Quantized row(weight, inputs);
            for (long k = 0; k < inputs; k++) {
                if (!integers) numbers[o * this->inputs + k] = weight[k];
                if (integers) zero[o] += 128 * (bytes[o * this->inputs + k] = row(weight[k]));
            }
            worth[o] = row.worth;
        }
    }

    // The logits of some tokens, given a state of which `whole` has the integers.
    void operator()(const float *state, const Integers8 &whole, long row,
                    const std::vector<int> &tokens, float *logits) const {
        for (size_t i = 0; i < tokens.size(); i++) {
            const long o = tokens[i];
            if (integers) {
                Sums sums = {};
                const Sums *from = (const Sums *)whole[row];
                for (long k = 0; k < inputs; k += 64)
                    sums = add_products(sums, from[k / 64], &bytes[o * inputs + k]);
                logits[i] = float(sum(sums) - zero[o]) * (worth[o] * whole.worth[row]) + added[o];
            } else {
                Vector products = {};
                for (long k = 0; k < inputs / WIDTH; k++)
                    products += vector(state, k) * vector(&numbers[o * inputs], k);
                logits[i] = sum(products) + added[o];
            }
        }
    }

    long inputs = 0;

  private:
    bool integers = false;
    Array<float> added, worth, numbers;
    Array<int8_t> bytes;
    Array<int32_t> zero;
};

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

struct Layer {
    Norm self_norm, cross_norm, feed_norm;
    Linear in, self_out, query, memory, cross_out, widen, gate, narrow;
    bool gated;
};

struct Stack {
    const float *embedding, *positions;  // of a token and of a place, [.., dim]
    std::vector<Layer> layers;
    Norm last;
};

class Model {
  public:
    Model(const Shape &shape, const Weights &weights)
        : its(shape), heads{its.dim / its.heads, round_up(its.dim / its.heads, WIDTH)},
          states(its.heads * heads.padded),
          encoder(stack(weights, "encoder", its.encoder_layers, "encoder/embeddings_0/weight")),
          decoder(stack(weights, "decoder", its.decoder_layers, "decoder/embeddings/weight")),
          output(linear(weights, "decoder/projection", its.target_size, its.dim)),
          table(weights("decoder/projection/weight"), weights("decoder/projection/bias"),
                its.target_size, its.dim, its.integers) {}

    const Shape its;
    const Heads heads;
    const long states;  // numbers of all heads, filled up
    const Stack encoder, decoder;
    const Linear output;
    const Table table;  // the same for a few tokens

  private:
    Stack stack(const Weights &weights, const std::string &side, long layers,
                const std::string &embedding) const {
        Stack made;
        made.embedding = weights(embedding);
        made.positions = weights(side + "/position_encodings/encodings");
        if (its.pre_norm) made.last = norm(weights, side + "/layer_norm");
        for (long i = 0; i < layers; i++) {
            const std::string name = side + "/layer_" + std::to_string(i), ffn = name + "/ffn";
            const std::string own = name + "/self_attention", other = name + "/attention";
            const long dim = its.dim, inner = its.feed_forward;
            Layer layer;
            layer.self_norm = norm(weights, own + "/layer_norm");
            layer.in = linear(weights, own + "/linear_0", 3 * dim, dim, heads);
            layer.self_out = linear(weights, own + "/linear_1", dim, dim, {}, heads);
            if (weights(other + "/linear_0/weight")) {
                layer.cross_norm = norm(weights, other + "/layer_norm");
                layer.query = linear(weights, other + "/linear_0", dim, dim, heads);
                layer.memory = linear(weights, other + "/linear_1", 2 * dim, dim, heads);
                layer.cross_out = linear(weights, other + "/linear_2", dim, dim, {}, heads);
            }
            layer.feed_norm = norm(weights, ffn + "/layer_norm");
            layer.widen = linear(weights, ffn + "/linear_0", inner, dim);
            layer.gated = weights(ffn + "/linear_0_noact/weight");
            if (layer.gated) layer.gate = linear(weights, ffn + "/linear_0_noact", inner, dim);
            layer.narrow = linear(weights, ffn + "/linear_1", dim, inner);
            made.layers.push_back(std::move(layer));
        }
        return made;
    }

    Norm norm(const Weights &weights, const std::string &name) const {
        return Norm(weights(name + "/gamma"), weights(name + "/beta"), its.dim);
    }

    Linear linear(const Weights &weights, const std::string &name, long outputs, long inputs,
                  Heads out = {}, Heads in = {}) const {
        return Linear(weights(name + "/weight"), weights(name + "/bias"), outputs, inputs,
                      its.integers, out, in);
    }
};

// Rows that are computed together, and the room to do so.
class Pass {
  public:
    Pass(const Model &model, const Stack &stack, long most)
        : model(model), stack(stack), x(most, model.its.dim), h(most, model.its.dim),
          inner(most, model.its.feed_forward), gate(most, model.its.feed_forward),
          context(most, model.states) {}

    void embed(long row, int token, long position) {
        const long dim = model.its.dim;
        const float *from = stack.embedding + token * dim, scale = std::sqrt(float(dim));
        const float *place = stack.positions;
        if (place) place += std::min(position, model.its.positions - 1) * dim;
        for (long i = 0; i < dim; i++) x[row][i] = from[i] * scale + (place ? place[i] : 0);
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
    std::vector<float> scores;
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
    for (long head = 0; head < model.its.heads; head++) softmax(scores + head * wide, length);
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
            Array<float> turned(model.states * round_up(rows + WIDTH * sources.count(), WIDTH), false);
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
    std::vector<int> rows;  // which row it was at each step so far
};

class Decoder {
  public:
    Decoder(const Model &model, const Sources &sources, long most)
        : model(model), memory(model, sources), pass(model, model.decoder, most), query(most, model.states),
          cache(model.decoder.layers.size()) {
        long longest = 0;
        for (long i = 0; i < sources.count(); i++) longest = std::max(longest, sources.length(i));
        scores = Array<float>(model.its.heads * round_up(longest, WIDTH));
    }

    // Read the last token of each row; every row is as long. Returns the states of the last layer.
    const Rows &step(std::vector<Row> &rows) {
        const long count = long(rows.size()), time = length++;
        for (long r = 0; r < count; r++) {
            pass.embed(r, rows[r].token, time);
            rows[r].rows.push_back(int(r));
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
                    attend(cache[l], r, rows[r].rows);
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
        const float *query = cached.back()[row];
        for (long t = 0; t < count; t++) {
            const float *key = cached[t][past[t]] + states;
            for (long head = 0; head < model.its.heads; head++) {
                Vector products = {};
                for (long i = head * depth; i < (head + 1) * depth; i += WIDTH)
                    products += vector(query + i) * vector(key + i);
                own[head * wide + t] = sum(products) * model.its.self_scale;
            }
        }
        for (long head = 0; head < model.its.heads; head++) softmax(&own[head * wide], count);
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

// Which target tokens may occur, judged by the source tokens.
class Shortlist {
  public:
    Shortlist() = default;

    // `text` is as Lexicon.write in mt/translation/shortlist.py leaves it; tokens of a vocabulary
    // are in lines.
    Shortlist(std::string_view text, std::string_view source, std::string_view target, int end) {
        const auto sources = numbered(source), targets = numbered(target);
        candidates.resize(sources.size());
        each(text, '\n', [&](std::string_view line) {
            const size_t tab = line.find('\t');
            if (tab == line.npos) return;
            const auto token = sources.find(line.substr(0, tab));
            if (tab && token == sources.end()) return;
            std::vector<int> &list = tab ? candidates[token->second] : always;
            each(line.substr(tab + 1), ' ', [&](std::string_view name) {
                if (const auto found = targets.find(name); found != targets.end())
                    list.push_back(found->second);
            });
        });
        always.push_back(end);
    }

    bool empty() const { return always.empty(); }

    // In the order of their numbers.
    std::vector<int> of(const int *tokens, long count) const {
        std::vector<int> found = always;
        for (long i = 0; i < count; i++) {
            const std::vector<int> &more = candidates[tokens[i]];
            found.insert(found.end(), more.begin(), more.end());
        }
        std::sort(found.begin(), found.end());
        found.erase(std::unique(found.begin(), found.end()), found.end());
        return found;
    }

  private:
    template <class Body> static void each(std::string_view text, char between, Body body) {
        while (!text.empty()) {
            const size_t size = std::min(text.find(between), text.size());
            if (size) body(text.substr(0, size));
            text.remove_prefix(std::min(size + 1, text.size()));
        }
    }

    static std::unordered_map<std::string_view, int> numbered(std::string_view vocabulary) {
        std::unordered_map<std::string_view, int> numbers;
        int next = 0;
        each(vocabulary, '\n', [&](std::string_view token) { numbers.emplace(token, next++); });
        return numbers;
    }

    std::vector<std::vector<int>> candidates;  // of each source token
    std::vector<int> always;
};

// A token that may come next.
struct Choice {
    double value;  // its log-probability, or that of the hypothesis it extends
    int token;
    long row;
};

// Beam search, as in mt/translation/search/beam.py.
class BeamSearch {
  public:
    BeamSearch(const Model &model, const Shortlist &shortlist, const Search &search,
               const Sources &sources, const int *shortest, const int *longest)
        : model(model), search(search), sources(sources), shortest(shortest), longest(longest),
          width(search.beam == 1 ? 1 : 2 * search.beam),
          decoder(model, sources, sources.count() * search.beam), found(sources.count()) {
        size_t most = 0;
        for (long i = 0; i < sources.count(); i++) {
            rows.push_back(Row{i, model.its.start, -1, 0, {}});
            if (shortlist.empty()) continue;
            const int *tokens = &sources.tokens[sources.first[i]];
            candidates.push_back(shortlist.of(tokens, sources.length(i)));
            most = std::max(most, candidates.back().size());
        }
        const bool all = shortlist.empty();
        logits = Rows(all ? CHUNK : 1, all ? model.its.target_size : long(most));
        some = Rows(CHUNK, model.its.dim);
    }

    // Give the best hypotheses of each sentence, and their tokens one behind the other.
    void run(Hypothesis *hypotheses, int *tokens) {
        for (long time = 0; !rows.empty(); time++) {
            choose(decoder.step(rows), time);
            std::vector<Row> next;
            for (size_t first = 0, last; first < rows.size(); first = last) {
                for (last = first; last < rows.size() && rows[last].sentence == rows[first].sentence;)
                    last++;
                extend(first, last, time, next);
            }
            rows = std::move(next);
        }
        for (auto &pool : found) {
            std::stable_sort(pool.begin(), pool.end(), [](const Ended &a, const Ended &b) {
                return a.its.score > b.its.score;
            });
            for (long i = 0; i < search.best; i++, hypotheses++) {
                if (i >= long(pool.size())) {
                    hypotheses->length = -1;
                    continue;
                }
                *hypotheses = pool[i].its;
                tokens += hypotheses->length;
                for (long node = pool[i].node; node >= 0; node = nodes[node].before)
                    *--tokens = nodes[node].token;
                tokens += hypotheses->length;
            }
        }
    }

  private:
    static constexpr long CHUNK = 16;  // rows whose logits of all tokens are computed together

    struct Node {
        int token;
        long before;
    };

    struct Ended {
        Hypothesis its;
        long node;
    };

    // Choose the tokens that may extend each row.
    void choose(const Rows &states, long time) {
        const long count = long(rows.size());
        best.clear();
        ends.clear();
        if (!candidates.empty()) {
            Integers8 &whole = decoder.scratch();
            if (model.its.integers) whole.take(states, count, model.table.inputs);
            for (long r = 0; r < count; r++) {
                const std::vector<int> &tokens = candidates[rows[r].sentence];
                model.table(states[r], whole, r, tokens, logits[0]);
                choose(r, logits[0], tokens.data(), long(tokens.size()), time);
            }
            return;
        }
        for (long first = 0; first < count; first += CHUNK) {
            const long here = std::min(CHUNK, count - first);
            memcpy(some[0], states[first], sizeof(float) * here * some.wide);
            model.output(some, here, logits, decoder.scratch());
            for (long r = 0; r < here; r++)
                choose(first + r, logits[r], nullptr, model.its.target_size, time);
        }
    }

    // Those of one row, given the logits of some tokens, or of all.
    void choose(long row, float *logits, const int *tokens, long count, long time) {
        const long vectors = round_up(count, WIDTH) / WIDTH, sentence = rows[row].sentence;
        for (long i = count; i < vectors * WIDTH; i++) logits[i] = NEVER;
        Vector most = vector(logits), total = {};
        for (long v = 1; v < vectors; v++)
            most = vector(logits, v) > most ? vector(logits, v) : most;
        const float top = largest(most);
        for (long v = 0; v < vectors; v++) total += exponential(vector(logits, v) - top);
        const float normaliser = top + std::log(sum(total));
        const auto forbid = [&](int token) {
            const int *at = tokens ? std::lower_bound(tokens, tokens + count, token) : nullptr;
            if (!tokens)
                logits[token] = NEVER;
            else if (at != tokens + count && *at == token)
                logits[at - tokens] = NEVER;
        };
        const long end = tokens ? std::lower_bound(tokens, tokens + count, model.its.end) - tokens
                                : model.its.end;
        ends.push_back(logits[end] - normaliser);
        for (int token : model.its.never) forbid(token);
        if (time < shortest[sentence]) forbid(model.its.end);
        if (search.ngram) forbid_repetition(rows[row].node, forbid);
        const size_t first = best.size();
        best.resize(first + width, Choice{NEVER, -1, row});
        Choice *const kept = &best[first];
        for (long v = 0; v < vectors; v++) {
            if (largest(vector(logits, v)) <= kept[width - 1].value) continue;
            for (long i = v * WIDTH; i < (v + 1) * WIDTH; i++) {
                if (logits[i] <= kept[width - 1].value) continue;
                long place = width - 1;
                for (; place > 0 && logits[i] > kept[place - 1].value; place--)
                    kept[place] = kept[place - 1];
                kept[place] = Choice{logits[i], tokens ? tokens[i] : int(i), row};
            }
        }
        for (long i = 0; i < width; i++) kept[i].value += rows[row].total - normaliser;
    }

    // Forbid what would complete a sequence of `ngram` tokens once more.
    template <class Forbid> void forbid_repetition(long node, Forbid forbid) const {
        std::vector<int> written;  // the last one first
        for (; node >= 0; node = nodes[node].before) written.push_back(nodes[node].token);
        const size_t size = search.ngram - 1;
        for (size_t i = 1; i + size <= written.size(); i++)
            if (std::equal(written.begin(), written.begin() + size, written.begin() + i))
                forbid(written[i - 1]);
    }

    // End hypotheses of a sentence, which are some rows, or let them grow.
    void extend(size_t first, size_t last, long time, std::vector<Row> &next) {
        const long sentence = rows[first].sentence;
        if (time == longest[sentence]) {
            for (size_t r = first; r < last; r++) finish(r, rows[r].total + ends[r], time);
            return;
        }
        std::vector<Choice> options(best.begin() + first * width, best.begin() + last * width);
        const size_t looked = std::min(options.size(), size_t(width));
        std::stable_sort(options.begin(), options.end(),
                         [](const Choice &a, const Choice &b) { return a.value > b.value; });
        const size_t before = next.size();
        for (size_t i = 0; i < looked && options[i].value > NEVER; i++) {
            const Choice &option = options[i];
            if (option.token == model.its.end) {
                if (i < size_t(search.beam)) finish(option.row, option.value, time);
            } else if (next.size() - before < size_t(search.beam)) {
                nodes.push_back(Node{option.token, rows[option.row].node});
                next.push_back(Row{sentence, option.token, long(nodes.size()) - 1, option.value,
                                   rows[option.row].rows});
            }
        }
        if (next.size() == before && found[sentence].empty())  // all is forbidden
            finish(first, rows[first].total + ends[first], time);
        if (found[sentence].size() >= size_t(search.beam)) next.resize(before);
    }

    void finish(size_t row, double total, long length) {
        const double counted = length + 1;  // with the end mark
        const double by = std::pow(search.gnmt ? (5 + counted) / 6 : counted, search.length_penalty);
        found[rows[row].sentence].push_back(Ended{{length, total, total / by}, rows[row].node});
    }

    const Model &model;
    const Search &search;
    const Sources &sources;
    const int *shortest, *longest;  // tokens of each sentence's translation
    const long width;               // extensions that are looked at
    std::vector<std::vector<int>> candidates;  // of each sentence; none: all tokens
    Decoder decoder;
    std::vector<Row> rows;      // those of one sentence side by side
    std::vector<Choice> best;   // `width` of each row
    std::vector<float> ends;    // the log-probability of the end mark after each row
    std::vector<Node> nodes;    // all tokens of all hypotheses
    std::vector<std::vector<Ended>> found;
    Rows logits, some;
};

// The log-probability of each token of given translations, and of their end marks.
void score(const Model &model, const Sources &sources, const int *lengths, const int *tokens,
           float *values) {
    std::vector<Row> rows;
    std::vector<long> first;  // of each sentence's values
    long end = 0;
    for (long i = 0; i < sources.count(); i++) {
        rows.push_back(Row{i, model.its.start, -1, 0, {}});
        first.push_back(end);
        end += lengths[i] + 1;
    }
    Decoder decoder(model, sources, sources.count());
    Rows logits(1, model.its.target_size), one(1, model.its.dim);
    for (long time = 0; !rows.empty(); time++) {
        const Rows &states = decoder.step(rows);
        std::vector<Row> next;
        for (size_t r = 0; r < rows.size(); r++) {
            const long i = rows[r].sentence;
            const bool last = time == lengths[i];
            // Each translation lies behind those before it, without end marks.
            const int token = last ? model.its.end : tokens[first[i] - i + time];
            memcpy(one[0], states[long(r)], sizeof(float) * one.wide);
            model.output(one, 1, logits, decoder.scratch());
            float top = NEVER, total = 0;
            for (long k = 0; k < model.its.target_size; k++) top = std::max(top, logits[0][k]);
            for (long k = 0; k < model.its.target_size; k++)
                total += exponential(logits[0][k] - top);
            values[first[i] + time] = logits[0][token] - top - std::log(total);
            if (last) continue;
            rows[r].token = token;
            next.push_back(std::move(rows[r]));
        }
        rows = std::move(next);
    }
}

struct Translator {
    Model model;
    Shortlist shortlist;
};

template <class Body> bool complete(Body body) {
    try {
        body();
        return true;
    } catch (const std::bad_alloc &) {
        return false;
    }
}

}  // namespace

// What Python calls. Each returns whether there was memory enough.
extern "C" {

// The numbers of the weights stay where they are as long as the translator is used.
bool mt_translator(const Shape *shape, long count, const char *const *names,
                   const float *const *numbers, Translator **made) {
    return complete([&] {
        *made = new Translator{Model(*shape, Weights{count, names, numbers}), {}};
    });
}

bool mt_shortlist(Translator *translator, const char *text, const char *source,
                  const char *target) {
    return complete([&] {
        const int end = translator->model.its.end;
        translator->shortlist = Shortlist(text, source, target, end);
    });
}

bool mt_translate(const Translator *translator, const Search *search, long count,
                  const int *lengths, const int *tokens, const int *shortest, const int *longest,
                  Hypothesis *hypotheses, int *written) {
    return complete([&] {
        const Sources sources(count, lengths, tokens, translator->model.its.end);
        BeamSearch(translator->model, translator->shortlist, *search, sources, shortest, longest)
            .run(hypotheses, written);
    });
}

bool mt_score(const Translator *translator, long count, const int *lengths, const int *tokens,
              const int *target_lengths, const int *targets, float *values) {
    return complete([&] {
        const Model &model = translator->model;
        score(model, Sources(count, lengths, tokens, model.its.end), target_lengths, targets, values);
    });
}

void mt_release(Translator *translator) { delete translator; }
}
