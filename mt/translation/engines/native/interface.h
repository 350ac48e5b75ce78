// What Python fills in and reads: see library.py.

#pragma once

extern "C" {

struct Shape {
    long dim, heads, feed_forward, encoder_layers, decoder_layers;
    long source_size, target_size, positions;
    long activation;                // see `activate`
    long pre_norm, sinusoidal, rotary;  // or not
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
