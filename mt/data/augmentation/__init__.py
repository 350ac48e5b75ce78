"""Training pairs changed on the fly, so that a model bears what people write."""
