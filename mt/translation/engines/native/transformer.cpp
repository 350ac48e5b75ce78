// A Transformer that translates on a CPU: encoder, decoder and beam search, for many sentences at
// once by one thread.
//
// mt/translation/engines/native/library.py compiles this file and calls it. No sentence is padded
// to the length of another, and what is found for it does not depend on the others. Numbers are
// float. Products are of float, or of 8-bit integers: each output's weights, and each state, are
// divided by their largest number.

#include "search.h"

namespace {

struct Translator {
    Model model;
    Shortlist shortlist;
};

template <class Body> bool complete(Body body) {
    try {
        body();
        return true;
    } catch (const std::exception &) {
        return false;
    }
}

}  // namespace

// What Python calls. Each returns whether there was memory enough.
extern "C" {

bool mt_has_dot_products() {
#if defined __AVX512VNNI__
    return true;
#else
    return false;
#endif
}

// Whether all numbers are finite.
bool mt_finite(const float *numbers, long count) {
    uint32_t others = 0;
    for (long i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, numbers + i, sizeof bits);
        others |= (bits & 0x7f800000) == 0x7f800000;
    }
    return !others;
}

// Embeddings, positions and the weights of the output layer stay where they are as long as the
// translator is used.
bool mt_translator(const Shape *shape, long count, const char *const *names,
                   const float *const *numbers, Translator **made) {
    return complete([&] {
        *made = new Translator{Model(*shape, Weights{count, names, numbers}), {}};
    });
}

bool mt_shortlist(Translator *translator, const char *text, const char *source,
                  const char *target) {
    return complete([&] {
        translator->shortlist = Shortlist(text, source, target, translator->model);
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
        const Sources sources(count, lengths, tokens, model.its.end);
        score(model, sources, target_lengths, targets, values);
    });
}

void mt_release(Translator *translator) { delete translator; }
}
