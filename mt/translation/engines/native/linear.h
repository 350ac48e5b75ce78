// Linear layers: products of float, or of 8-bit integers.

#pragma once

#include "arrays.h"

#include <cmath>
#include <vector>

#if defined __AVX512VNNI__
#include <immintrin.h>
#endif

namespace {

constexpr int BLOCK = 8;           // rows of a product that are computed together
constexpr long PANEL = 2 * WIDTH;  // outputs that are computed together

// Where numbers of heads lie in a row: those of each head are filled up to a multiple of WIDTH.
struct Heads {
    long depth = 1, padded = 1;  // without heads: side by side
    long operator()(long i) const {
        return depth == padded ? i : i / depth * padded + i % depth;
    }
};

// sums + a b, of four products each: `a` are above 0, `b` of either sign.
inline Integers add_products(Integers sums, Integers a, Integers b) {
#if defined __AVX512VNNI__
    return (Integers)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)a, (__m512i)b);
#else  // for tests: other engines are faster
    uint8_t left[sizeof a];
    int8_t right[sizeof b];
    memcpy(left, &a, sizeof a);
    memcpy(right, &b, sizeof b);
    for (size_t i = 0; i < sizeof a; i++) sums[i / 4] += left[i] * right[i];
    return sums;
#endif
}

inline const Integers &bytes_at(const int8_t *numbers) { return *(const Integers *)numbers; }
inline const Integers &bytes_at(const uint8_t *numbers) { return *(const Integers *)numbers; }

// How numbers become integers from -127 to 127, and what one is worth.
struct Quantized {
    // `columns` is a multiple of WIDTH.
    Quantized(const float *row, long columns) {
        Vector sizes = {};
        for (long v = 0; v < columns / WIDTH; v++) {
            const Vector size = size_of(vector(row, v));
            sizes = size > sizes ? size : sizes;
        }
        const float most = largest(sizes);
        factor = most > 0 ? 127 / most : 0;
        worth = most / 127;
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
        for (long row = 0; row < count; row++) {
            const Quantized whole(rows[row], columns);
            worth[row] = whole.worth;
            for (long v = 0; v < columns / WIDTH; v++) {
                // Adding 1.5 * 2^23 rounds to an integer, which is then in the last bits.
                const Vector moved = vector(rows[row], v) * whole.factor + 12582912.0f;
                Integers bits;
                memcpy(&bits, &moved, sizeof bits);
                Bytes *to = (Bytes *)&bytes[row * wide] + v;
                *to = __builtin_convertvector((bits + 128) & 255, Bytes);
            }
        }
    }
    const uint8_t *operator[](long row) const { return &bytes[row * wide]; }

    long wide = 0;
    std::vector<float> worth;

  private:
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
        : outputs(round_up(out(outputs - 1) + 1, PANEL)),
          inputs(round_up(in(inputs - 1) + 1, FILL)), integers(integers), added(this->outputs),
          worth(this->outputs), zero(this->outputs) {
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
            for (; row + BLOCK <= rows; row += BLOCK)
                block<BLOCK>(x, scratch, row, column, y, add);
            rest<BLOCK - 1>(x, scratch, row, rows - row, column, y, add);
        }
    }

  private:
    // Weights lie in panels of outputs, in each by inputs; integers by fours of inputs.
    void take(const Array<float> &row, long o) {
        const long panel = o / PANEL * inputs * PANEL, lane = o % PANEL;
        const Quantized whole(&row[0], inputs);
        worth[o] = whole.worth;
        for (long k = 0; k < inputs; k++) {
            if (!integers) {
                numbers[panel + k * PANEL + lane] = row[k];
                continue;
            }
            const int8_t number = whole(row[k]);
            bytes[panel + k / 4 * 4 * PANEL + lane * 4 + k % 4] = number;
            zero[o] += 128 * number;
        }
    }

    // As many rows as are left, up to `MOST`.
    template <int MOST>
    void rest(const Rows &x, const Integers8 &whole, long row, long left, long column, Rows &y,
              bool add) const {
        if (left == MOST)
            block<MOST>(x, whole, row, column, y, add);
        else if constexpr (MOST > 1)
            rest<MOST - 1>(x, whole, row, left, column, y, add);
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
        Integers sums[ROWS][2] = {};
        const int8_t *panel = &bytes[column * inputs];
        const uint8_t *from = x[row];
        for (long k = 0; k < inputs; k += 4, panel += 4 * PANEL)
            for (int r = 0; r < ROWS; r++) {
                int32_t four;
                memcpy(&four, from + r * inputs + k, sizeof four);
                for (int v = 0; v < 2; v++)
                    sums[r][v] =
                        add_products(sums[r][v], Integers{} + four, bytes_at(panel + 64 * v));
            }
        for (int r = 0; r < ROWS; r++)
            for (int v = 0; v < 2; v++) {
                const Integers whole = sums[r][v] - ((const Integers *)&zero[column])[v];
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
        Array<float> row(this->inputs);
        for (long o = 0; o < outputs; o++) {
            if (bias) added[o] = bias[o];
            memcpy(&row[0], weight + o * inputs, sizeof(float) * inputs);
            if (!integers) {
                memcpy(&numbers[o * this->inputs], &row[0], sizeof(float) * inputs);
                continue;
            }
            const Quantized whole(&row[0], this->inputs);
            worth[o] = whole.worth;
            for (long k = 0; k < inputs; k++) {
                const int8_t number = whole(row[k]);
                bytes[o * this->inputs + k] = number;
                zero[o] += 128 * number;
            }
        }
    }

    // The logits of some tokens, and up to three more, given a state of which `whole` has the
    // integers.
    void operator()(const float *state, const Integers8 &whole, long row,
                    const std::vector<int> &tokens, float *logits) const {
        const auto dot_integers = [&](long o) {
            Integers sums = {};
            for (long k = 0; k < inputs; k += 64)
                sums = add_products(sums, bytes_at(whole[row] + k),
                                    bytes_at(&bytes[o * inputs + k]));
            return sums;
        };
        const auto dot_floats = [&](long o) {
            Vector products = {};
            for (long k = 0; k < inputs; k += WIDTH)
                products += vector(state + k) * vector(&numbers[o * inputs + k]);
            return products;
        };
        const long count = long(tokens.size());
        for (long i = 0; i < count; i += 4) {
            int o[4];
            for (long j = 0; j < 4; j++) o[j] = tokens[std::min(i + j, count - 1)];
            float *to = logits + i;
            if (integers) {
                Integers each[4];
                for (long j = 0; j < 4; j++) each[j] = dot_integers(o[j]);
                const auto sums = sum(each);
                for (long j = 0; j < 4; j++)
                    to[j] = float(sums[j] - zero[o[j]]) * (worth[o[j]] * whole.worth[row]);
            } else {
                Vector each[4];
                for (long j = 0; j < 4; j++) each[j] = dot_floats(o[j]);
                const auto sums = sum(each);
                for (long j = 0; j < 4; j++) to[j] = sums[j];
            }
            for (long j = 0; j < 4; j++) to[j] += added[o[j]];
        }
    }

    long inputs = 0;

  private:
    bool integers = false;
    Array<float> added, worth, numbers;
    Array<int8_t> bytes;
    Array<int32_t> zero;
};

}  // namespace
