// What training computes on a CPU between matrix products, each in one pass over memory.
//
// mt/kernels/native.py compiles this file and calls it; each kernel has a twin in torch, which says
// what it computes. Numbers are float, or bfloat16 as bits; sums are float. Every kernel divides
// whole rows among threads, so that results do not depend on how many there are.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __AVX512F__
#pragma GCC target("prefer-vector-width=512")
#endif

namespace {

// Sixteen numbers that are added or multiplied at once; the compiler takes the registers there are.
typedef float Vector __attribute__((vector_size(64)));
constexpr long WIDTH = 16;
constexpr long ROWS = 4;  // of a product that are computed together
constexpr float LOWEST = -3e38f;

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

typedef int32_t Integers __attribute__((vector_size(64)));

inline int32_t integer(float number) { return int32_t(number); }
inline Integers integer(Vector numbers) { return __builtin_convertvector(numbers, Integers); }

// exp(x) for x up to 0, to within two units in the last place; 0 below -87.
//
// 2^n * exp(r), where n is the integer nearest to x / ln 2, with the polynomial of Cephes (expf).
template <class Number> inline Number exponential(Number x) {
    const float round = 12582912;  // 1.5 * 2^23: adding it leaves no digit behind the point
    const Number n = (x * 1.44269504f + round) - round;
    const Number r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    Number y = r * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1.0f;
    auto bits = integer(n);
    const auto exponent = bits << 23;
    memcpy(&bits, &y, sizeof y);
    bits += exponent;
    memcpy(&y, &bits, sizeof y);
    return x < -87.0f ? Number{} : y;
}

}  // namespace

extern "C" struct Dropout {
    uint64_t seed;
    uint32_t threshold;  // of 2^32 draws so many are dropped
    float scale;         // of what stays
};

namespace {

// What element number `index` is multiplied by. The same seed draws the same again, so that the
// backward pass needs no memory of it. Source: multiply-xorshift hash of Wellons (2018).
inline float factor(const Dropout &dropout, uint32_t index) {
    uint32_t x = index * 0x9e3779b9u + uint32_t(dropout.seed);
    x = (x ^ x >> 16) * 0x21f0aaadu;
    x = (x ^ x >> 15) + uint32_t(dropout.seed >> 32);
    x *= 0x735a2d97u;
    x ^= x >> 15;
    return x < dropout.threshold ? 0 : dropout.scale;
}

// Do something with each index, and with WIDTH of them at once as long as there are so many.
template <class Body> inline void each(long count, Body body) {
    long first = 0;
    for (; first + WIDTH <= count; first += WIDTH)
#pragma omp simd
        for (long i = first; i < first + WIDTH; i++) body(i);
    for (long i = first; i < count; i++) body(i);
}

// Fold what an operation leaves in each of WIDTH lanes into one number.
template <class Operation> inline float fold(Vector vector, Operation both) {
    typedef float Half __attribute__((vector_size(32)));
    typedef float Quarter __attribute__((vector_size(16)));
    Half halves[2];
    memcpy(halves, &vector, sizeof halves);
    const Half half = both(halves[0], halves[1]);
    Quarter quarters[2];
    memcpy(quarters, &half, sizeof quarters);
    const Quarter last = both(quarters[0], quarters[1]);
    return both(both(last[0], last[1]), both(last[2], last[3]));
}

inline float sum(Vector vector) {
    return fold(vector, [](auto a, auto b) { return a + b; });
}

inline float largest(Vector vector) {
    return fold(vector, [](auto a, auto b) { return a > b ? a : b; });
}

inline long round_up(long number, long step) { return (number + step - 1) / step * step; }

// Memory of one thread, of which it takes matrices.
class Room {
  public:
    explicit Room(long numbers)
        : memory((float *)aligned_alloc(64, round_up(numbers * sizeof(float), 64))), next(memory) {}
    ~Room() { free(memory); }
    float *take(long numbers) {
        float *taken = next;
        next += round_up(numbers, WIDTH);
        return taken;
    }

  private:
    float *memory, *next;
};

// ROWS rows and `VECTORS` vectors of columns of a product, all in registers.
template <int VECTORS>
inline void multiply_block(const float *a, long down, long right, const float *b, float *c,
                           long wide, long inner) {
    Vector sums[ROWS][VECTORS] = {};
    for (long k = 0; k < inner; k++)
        for (int v = 0; v < VECTORS; v++) {
            const Vector factors = *(const Vector *)(b + k * wide + v * WIDTH);
            for (int row = 0; row < ROWS; row++)
                sums[row][v] += a[row * down + k * right] * factors;
        }
    for (int row = 0; row < ROWS; row++)
        for (int v = 0; v < VECTORS; v++) *(Vector *)(c + row * wide + v * WIDTH) = sums[row][v];
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
            multiply_block<2>(from, down, right, b + column, to + column, wide, inner);
        if (column < wide)
            multiply_block<1>(from, down, right, b + column, to + column, wide, inner);
    }
}

}  // namespace

// [batch, heads, length, depth] in memory: the distances between neighbours, of depth always 1.
extern "C" struct Strides {
    long batch, head, position;
};

extern "C" struct Attention {
    long batch, heads, queries, keys, depth;
    float scale;
    Dropout dropout;
    int threads;
};

namespace {

// The matrix of one head of one sentence, as float, filled up with zeros to `rows` and `wide`.
template <class T>
void load(const T *from, const Strides &strides, long sentence, long head, long length, long depth,
          float *to, long rows, long wide) {
    from += sentence * strides.batch + head * strides.head;
    memset(to, 0, sizeof(float) * rows * wide);
    for (long i = 0; i < length; i++, from += strides.position, to += wide)
        each(depth, [=](long d) { to[d] = widen(from[d]); });
}

// Ask for a matrix that will be loaded soon: its rows lie apart, and no processor expects them.
template <class T>
void prefetch(const T *from, const Strides &strides, long sentence, long head, long length,
              long depth) {
    from += sentence * strides.batch + head * strides.head;
    for (long i = 0; i < length; i++)
        for (long d = 0; d < depth; d += 64 / sizeof(T))
            __builtin_prefetch(from + i * strides.position + d);
}

template <class T>
void store(const float *from, long wide, T *to, const Strides &strides, long sentence, long head,
           long length, long depth) {
    to += sentence * strides.batch + head * strides.head;
    for (long i = 0; i < length; i++, from += wide, to += strides.position)
        each(depth, [=](long d) { to[d] = narrow<T>(from[d]); });
}

void transpose(const float *from, float *to, long rows, long wide) {
    for (long d = 0; d < wide; d++, to += rows)
        each(rows, [=](long i) { to[i] = from[i * wide + d]; });
}

// context = dropout(softmax(scale * query key^T + bias)) value; `weights` are the softmax.
template <class T>
void attention_forward(const Attention &its, const T *query, const Strides &of_query, const T *key,
                       const Strides &of_key, const T *value, const Strides &of_value,
                       const float *bias, const Strides &of_bias, float *weights, T *context,
                       const Strides &of_context) {
    const long queries = round_up(its.queries, ROWS), keys = round_up(its.keys, WIDTH);
    const long depth = round_up(its.depth, WIDTH), vectors = keys / WIDTH;
#pragma omp parallel num_threads(its.threads)
    {
        Room room(2 * queries * depth + 2 * keys * depth + queries * keys + keys);
        float *q = room.take(queries * depth), *kv = room.take(keys * depth);
        float *turned = room.take(keys * depth), *scores = room.take(queries * keys);
        float *result = room.take(queries * depth);
        Vector *extra = (Vector *)room.take(keys);
        for (long j = 0; j < keys; j++) ((float *)extra)[j] = j < its.keys ? 0 : LOWEST;
#pragma omp for schedule(static)
        for (long number = 0; number < its.batch * its.heads; number++) {
            const long sentence = number / its.heads, head = number % its.heads;
            if (sentence + 1 < its.batch) {
                prefetch(query, of_query, sentence + 1, head, its.queries, its.depth);
                prefetch(key, of_key, sentence + 1, head, its.keys, its.depth);
                prefetch(value, of_value, sentence + 1, head, its.keys, its.depth);
            }
            load(query, of_query, sentence, head, its.queries, its.depth, q, queries, depth);
            load(key, of_key, sentence, head, its.keys, its.depth, kv, keys, depth);
            transpose(kv, turned, keys, depth);
            multiply(q, depth, 1, turned, scores, its.queries, keys, its.depth);
            for (long i = 0; i < its.queries; i++) {
                Vector *row = (Vector *)(scores + i * keys);
                if (bias && (i == 0 || of_bias.position))
                    memcpy(extra, bias + sentence * of_bias.batch + head * of_bias.head +
                           i * of_bias.position, sizeof(float) * its.keys);
                Vector most = row[0] * its.scale + extra[0], total = {};
                for (long j = 0; j < vectors; j++) {
                    row[j] = row[j] * its.scale + extra[j];
                    most = row[j] > most ? row[j] : most;
                }
                const float highest = largest(most);
                for (long j = 0; j < vectors; j++) total += row[j] = exponential(row[j] - highest);
                const float inverse = 1 / sum(total);
                for (long j = 0; j < vectors; j++) row[j] *= inverse;
                const long first = (number * its.queries + i) * its.keys;
                memcpy(weights + first, row, sizeof(float) * its.keys);
                if (its.dropout.threshold)
                    each(keys, [=, row = scores + i * keys, dropout = its.dropout](long j) {
                        row[j] *= factor(dropout, first + j);
                    });
            }
            load(value, of_value, sentence, head, its.keys, its.depth, kv, keys, depth);
            multiply(scores, keys, 1, kv, result, its.queries, depth, its.keys);
            store(result, depth, context, of_context, sentence, head, its.queries, its.depth);
        }
    }
}

// The gradients of query, key and value, which lie in memory as query, key and value do not: as
// `of_queries` and `of_keys` say.
template <class T>
void attention_backward(const Attention &its, const T *query, const Strides &of_query, const T *key,
                        const Strides &of_key, const T *value, const Strides &of_value,
                        const T *gradient, const Strides &of_gradient, const float *weights,
                        T *query_gradient, const Strides &of_queries, T *key_gradient,
                        T *value_gradient, const Strides &of_keys) {
    const long queries = round_up(its.queries, ROWS), keys = round_up(its.keys, WIDTH);
    const long depth = round_up(its.depth, WIDTH), most = queries > keys ? queries : keys;
    const long vectors = keys / WIDTH;
#pragma omp parallel num_threads(its.threads)
    {
        Room room(2 * queries * depth + (2 * keys + most) * depth + 2 * queries * keys + keys);
        float *q = room.take(queries * depth), *g = room.take(queries * depth);
        float *kv = room.take(keys * depth), *turned = room.take(keys * depth);
        float *errors = room.take(queries * keys), *kept = room.take(queries * keys);
        float *result = room.take(most * depth);
        Vector *weight = (Vector *)room.take(keys);
        memset(kept, 0, sizeof(float) * queries * keys);
        memset(weight, 0, sizeof(float) * keys);
#pragma omp for schedule(static)
        for (long number = 0; number < its.batch * its.heads; number++) {
            const long sentence = number / its.heads, head = number % its.heads;
            if (sentence + 1 < its.batch) {
                prefetch(gradient, of_gradient, sentence + 1, head, its.queries, its.depth);
                prefetch(query, of_query, sentence + 1, head, its.queries, its.depth);
                prefetch(key, of_key, sentence + 1, head, its.keys, its.depth);
                prefetch(value, of_value, sentence + 1, head, its.keys, its.depth);
            }
            load(gradient, of_gradient, sentence, head, its.queries, its.depth, g, queries, depth);
            load(value, of_value, sentence, head, its.keys, its.depth, kv, keys, depth);
            transpose(kv, turned, keys, depth);
            multiply(g, depth, 1, turned, errors, its.queries, keys, its.depth);
            for (long i = 0; i < its.queries; i++) {
                float *dropped = kept + i * keys;
                const long first = (number * its.queries + i) * its.keys;
                memcpy(weight, weights + first, sizeof(float) * its.keys);
                memcpy(dropped, weight, sizeof(float) * keys);
                if (its.dropout.threshold)
                    each(keys, [=, row = errors + i * keys, dropout = its.dropout](long j) {
                        const float scale = factor(dropout, first + j);
                        row[j] *= scale;
                        dropped[j] *= scale;
                    });
                // Of a softmax: each weight times how much its error lies above the mean error.
                Vector *row = (Vector *)(errors + i * keys), products = {};
                for (long j = 0; j < vectors; j++) products += row[j] * weight[j];
                const float mean = sum(products);
                for (long j = 0; j < vectors; j++)
                    row[j] = (row[j] - mean) * weight[j] * its.scale;
            }
            multiply(kept, 1, keys, g, result, its.keys, depth, its.queries);
            store(result, depth, value_gradient, of_keys, sentence, head, its.keys, its.depth);
            load(key, of_key, sentence, head, its.keys, its.depth, kv, keys, depth);
            multiply(errors, keys, 1, kv, result, its.queries, depth, its.keys);
            store(result, depth, query_gradient, of_queries, sentence, head, its.queries, its.depth);
            load(query, of_query, sentence, head, its.queries, its.depth, q, queries, depth);
            multiply(errors, 1, keys, q, result, its.keys, depth, its.queries);
            store(result, depth, key_gradient, of_keys, sentence, head, its.keys, its.depth);
        }
    }
}

// total = states + dropout(added)
template <class T>
void add_dropped(const float *states, const T *added, const Dropout &dropout, float *total,
                 long rows, long width, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long row = 0; row < rows; row++) {
        const Dropout drawn = dropout;
        const long first = row * width;
#pragma omp simd
        for (uint32_t i = first; i < first + width; i++)
            total[i] = states[i] + widen(added[i]) * factor(drawn, i);
    }
}

template <class T>
void add_dropped_backward(const float *gradient, const Dropout &dropout, T *of_added, long rows,
                          long width, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long row = 0; row < rows; row++) {
        const Dropout drawn = dropout;
        const long first = row * width;
#pragma omp simd
        for (uint32_t i = first; i < first + width; i++)
            of_added[i] = narrow<T>(gradient[i] * factor(drawn, i));
    }
}

// Of each row of logits the logarithm of the normaliser, and in its place the gradient of
// cross-entropy: softmax, less `share` at the target.
template <class T>
void cross_entropy(T *logits, const int64_t *targets, float share, float *normalisers, long rows,
                   long width, int threads) {
#pragma omp parallel num_threads(threads)
    {
        Room room(width);
        float *powers = room.take(width);
#pragma omp for schedule(static)
        for (long row = 0; row < rows; row++) {
            T *x = logits + row * width;
            float most = widen(x[0]), sum = 0;
#pragma omp simd reduction(max : most)
            for (long i = 0; i < width; i++) most = widen(x[i]) > most ? widen(x[i]) : most;
#pragma omp simd reduction(+ : sum)
            for (long i = 0; i < width; i++) {
                powers[i] = exponential(widen(x[i]) - most);
                sum += powers[i];
            }
            normalisers[row] = most + __builtin_logf(sum);
            powers[targets[row]] -= share * sum;
            const float inverse = 1 / sum;
            for (long i = 0; i < width; i++) x[i] = narrow<T>(powers[i] * inverse);
        }
    }
}

}  // namespace

// What Python calls: `half` says that what is not declared as float is bfloat16.
extern "C" {

void mt_attention_forward(const Attention *its, bool half, const void *query, const Strides *of_query,
                          const void *key, const Strides *of_key, const void *value,
                          const Strides *of_value, const float *bias, const Strides *of_bias,
                          float *weights, void *context, const Strides *of_context) {
    const auto run = [&]<class T>(T) {
        attention_forward(*its, (const T *)query, *of_query, (const T *)key, *of_key,
                          (const T *)value, *of_value, bias, *of_bias, weights, (T *)context,
                          *of_context);
    };
    half ? run(bfloat16()) : run(float());
}

void mt_attention_backward(const Attention *its, bool half, const void *query,
                           const Strides *of_query, const void *key, const Strides *of_key,
                           const void *value, const Strides *of_value, const void *gradient,
                           const Strides *of_gradient, const float *weights, void *query_gradient,
                           const Strides *of_queries, void *key_gradient, void *value_gradient,
                           const Strides *of_keys) {
    const auto run = [&]<class T>(T) {
        attention_backward(*its, (const T *)query, *of_query, (const T *)key, *of_key,
                           (const T *)value, *of_value, (const T *)gradient, *of_gradient, weights,
                           (T *)query_gradient, *of_queries, (T *)key_gradient, (T *)value_gradient,
                           *of_keys);
    };
    half ? run(bfloat16()) : run(float());
}

void mt_add_dropped(const float *states, bool half, const void *added, const Dropout *dropout,
                    float *total, long rows, long width, int threads) {
    const auto run = [&]<class T>(T) {
        add_dropped(states, (const T *)added, *dropout, total, rows, width, threads);
    };
    half ? run(bfloat16()) : run(float());
}

void mt_add_dropped_backward(const float *gradient, bool half, const Dropout *dropout,
                             void *of_added, long rows, long width, int threads) {
    const auto run = [&]<class T>(T) {
        add_dropped_backward(gradient, *dropout, (T *)of_added, rows, width, threads);
    };
    half ? run(bfloat16()) : run(float());
}

void mt_cross_entropy(void *logits, bool half, const int64_t *targets, float share,
                      float *normalisers, long rows, long width, int threads) {
    const auto run = [&]<class T>(T) {
        cross_entropy((T *)logits, targets, share, normalisers, rows, width, threads);
    };
    half ? run(bfloat16()) : run(float());
}
}
