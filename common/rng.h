// A seeded generator with the same numbers on every library: standard engines are specified
// exactly, standard distributions are not. Passed in, never global: main seeds it from the system,
// the simulator from its seed.
#pragma once

#include <cstdint>
#include <random>

namespace lvs {

class Rng {
 public:
  explicit Rng(uint64_t seed) : engine_(seed) {}
  uint64_t next() { return engine_(); }
  uint64_t below(uint64_t n) {
    return n == 0 ? 0 : next() % n;
  }  // 0 .. n-1; the bias is below n / 2^64.
  bool chance(double p) { return static_cast<double>(next() >> 11) * 0x1.0p-53 < p; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace lvs
