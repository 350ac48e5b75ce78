// The layers of a Transformer.

#pragma once

#include "interface.h"
#include "layers.h"

#include <string>

namespace {

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

// What is added to embeddings at each place (Vaswani et al. 2017, section 3.5).
Array<float> sinusoids(long longest, long dim) {
    Array<float> table(longest * dim);
    for (long i = 0; i < dim; i += 2) {
        const double rate = std::exp(-std::log(10000.0) * i / dim);
        for (long place = 0; place < longest; place++) {
            table[place * dim + i / 2] = std::sin(place * rate);
            const long cosine = (dim + 1) / 2 + i / 2;
            if (cosine < dim) table[place * dim + cosine] = std::cos(place * rate);
        }
    }
    return table;
}

class Model {
  public:
    Model(const Shape &shape, const Weights &weights)
        : its(shape), heads{its.dim / its.heads, round_up(its.dim / its.heads, WIDTH)},
          states(its.heads * heads.padded),
          places(its.sinusoidal ? sinusoids(its.positions, its.dim) : Array<float>()),
          encoder(stack(weights, "encoder", its.encoder_layers, "encoder/embeddings_0/weight")),
          decoder(stack(weights, "decoder", its.decoder_layers, "decoder/embeddings/weight")),
          output(linear(weights, "decoder/projection", its.target_size, its.dim)),
          output_weight(weights("decoder/projection/weight")),
          output_bias(weights("decoder/projection/bias")) {}

    const Shape its;
    const Heads heads;
    const long states;  // numbers of all heads, filled up
    const Array<float> places;
    const Stack encoder, decoder;
    const Linear output;
    const float *const output_weight, *const output_bias;

  private:
    Stack stack(const Weights &weights, const std::string &side, long layers,
                const std::string &embedding) const {
        Stack made;
        made.embedding = weights(embedding);
        made.positions =
            its.sinusoidal ? &places[0] : weights(side + "/position_encodings/encodings");
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

}  // namespace
