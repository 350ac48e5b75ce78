// Memory for numbers, filled up so that all of it can be read in vectors.

#pragma once

#include "vectors.h"

#include <algorithm>
#include <new>
#include <utility>

namespace {

constexpr long FILL = 64;  // rows are filled up with zeros to a multiple

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

}  // namespace
