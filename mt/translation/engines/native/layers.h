// What a Transformer computes between linear layers.

#pragma once

#include "linear.h"

namespace {

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

// Softmax of rows of `count` scores, in place; places up to `wide`, a multiple of WIDTH, become 0.
// Four rows are computed at once, since each waits long for its sums.
void softmax(float *scores, long rows, long count, long wide) {
    for (long row = 0; row < rows; row += 4) {
        const long many = std::min(rows - row, 4l);
        Vector most[4], total[4] = {};
        for (long i = 0; i < 4; i++) {
            float *from = scores + (row + std::min(i, many - 1)) * wide;
            for (long j = count; j < wide; j++) from[j] = -1e30f;
            most[i] = vector(from);
            for (long v = 1; v < wide / WIDTH; v++)
                most[i] = vector(from, v) > most[i] ? vector(from, v) : most[i];
        }
        const auto top = largest(most);
        for (long i = 0; i < many; i++)
            for (long v = 0; v < wide / WIDTH; v++) {
                Vector &score = vector(scores + (row + i) * wide, v);
                total[i] += score = exponential(score - top[i]);
            }
        const auto inverse = 1 / sum(total);
        for (long i = 0; i < many; i++)
            for (long v = 0; v < wide / WIDTH; v++)
                vector(scores + (row + i) * wide, v) *= inverse[i];
    }
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

}  // namespace
