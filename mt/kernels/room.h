// Memory that a kernel works with.

#pragma once

#include "vectors.h"

namespace {

// Memory of one thread or of all, of which they take matrices; none if the system refuses it.
//
// By malloc: glibc 2.36 does not reuse a freed block for an aligned request of the same size.
class Room {
  public:
    explicit Room(long numbers)
        : memory(malloc(numbers * sizeof(float) + ALIGNED)),
          next((float *)round_up((uintptr_t)memory, ALIGNED)) {}
    Room(const Room &) = delete;
    ~Room() { free(memory); }
    bool refused() const { return !memory; }

    // Room for numbers of 32 bits each, which begins where a vector may.
    template <class Number = float> Number *take(long numbers) {
        static_assert(sizeof(Number) == sizeof(float));
        if (refused()) return nullptr;
        float *taken = next;
        next += round_up(numbers, WIDTH);
        return (Number *)taken;
    }

  private:
    static constexpr long ALIGNED = 64;
    void *memory;
    float *next;
};

}  // namespace
