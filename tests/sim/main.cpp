// lvs_sim: runs histories of a simulated pair of directors. With one seed it prints the transcript;
// with --seeds N it runs seeds 1 to N (or from --first) and prints those in which an invariant
// broke.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/sim/chaos.h"

namespace {

constexpr int kFailuresShownMax = 10;

int usage(FILE* out) {
  std::fprintf(out,
               "usage: lvs_sim SEED | lvs_sim --seeds N [--first SEED]\n"
               "  SEED        print the transcript of this history\n"
               "  --seeds N   run N histories, print the seeds of those that break an invariant\n"
               "exit status: 0 no invariant broke, 1 one did, 2 wrong usage\n");
  return out == stdout ? 0 : 2;
}

int show(uint64_t seed) {
  const auto world = lvs::sim::live_through(seed);
  std::fputs(world->transcript().c_str(), stdout);
  std::printf("seed %llu history %016llx violations %zu\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(world->history_hash()), world->violations().size());
  return world->violations().empty() ? 0 : 1;
}

int run(uint64_t first, uint64_t count) {
  int failures = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const auto world = lvs::sim::live_through(seed);
    if (world->violations().empty()) {
      continue;
    }
    if (++failures <= kFailuresShownMax) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed),
                  world->violations().front().c_str());
    }
  }
  std::printf("%llu seeds, %d broke an invariant\n", static_cast<unsigned long long>(count),
              failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t first = 1;
  uint64_t count = 0;
  uint64_t seed = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help" || word == "-h") {
      return usage(stdout);
    }
    if ((word == "--seeds" || word == "--first") && i + 1 < argc) {
      (word == "--seeds" ? count : first) = std::strtoull(argv[++i], nullptr, 10);
    } else if (word.find_first_not_of("0123456789") == std::string::npos && !word.empty()) {
      seed = std::strtoull(word.c_str(), nullptr, 10);
    } else {
      return usage(stderr);
    }
  }
  if (count > 0) {
    return run(first, count);
  }
  return seed > 0 ? show(seed) : usage(stderr);
}
