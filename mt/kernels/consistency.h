// How much two passes over a token differ, whose distributions are p and q, and the gradient of that.

#pragma once

#include "numbers.h"

namespace {

// What a token's loss is made of; see mt/kernels/consistency.py.
struct LossWeights {
    float first, second;     // of the cross-entropies of p and q
    float forward, reverse;  // of KL(p || q) and KL(q || p)
};

// What is known of a token's logits when its rows were read once. Powers are exp(logit - top).
struct PassSums {
    float top;         // the largest logit
    float total;       // of all powers
    float difference;  // of powers times how much larger p's logits are than q's
};

// What is found of each token, for p and for q.
struct Found {
    float *normalisers;  // the logarithm of the sum of exp(logit)
    float *wanted;       // the target's logit
    float *divergences;  // KL(p || q) and KL(q || p)
};

class Comparison {
  public:
    Comparison(const LossWeights &weights, const PassSums &p, const PassSums &q)
        : weights(weights),
          normalisers{p.top + __builtin_logf(p.total), q.top + __builtin_logf(q.total)},
          inverse_p(1 / p.total),
          inverse_q(1 / q.total) {
        const float far = normalisers[0] - normalisers[1];  // log(p / q) = difference - far
        divergences[0] = p.difference * inverse_p - far;
        divergences[1] = far - q.difference * inverse_q;
        constant_p = weights.first + weights.reverse - weights.forward * (divergences[0] + far);
        constant_q = weights.second + weights.forward - weights.reverse * (divergences[1] - far);
    }

    // The gradients for a logit of p and for that of q, if it is not the target's.
    template <class Number> Number error_p(Number power_p, Number power_q, Number difference) const {
        return power_p * inverse_p * (difference * weights.forward + constant_p) -
               power_q * (inverse_q * weights.reverse);
    }
    template <class Number> Number error_q(Number power_p, Number power_q, Number difference) const {
        return power_q * inverse_q * (constant_q - difference * weights.reverse) -
               power_p * (inverse_p * weights.forward);
    }

    void put(long token, float wanted_p, float wanted_q, const Found &found) const {
        const float wanted[2] = {wanted_p, wanted_q};
        memcpy(found.normalisers + 2 * token, normalisers, sizeof normalisers);
        memcpy(found.wanted + 2 * token, wanted, sizeof wanted);
        memcpy(found.divergences + 2 * token, divergences, sizeof divergences);
    }

  private:
    LossWeights weights;
    float normalisers[2], divergences[2];
    float inverse_p, inverse_q, constant_p, constant_q;
};

}  // namespace
