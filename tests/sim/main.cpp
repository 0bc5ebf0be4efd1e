// lvs_sim: runs histories of a simulated pair of directors, or with --servers of one director's
// lvsd and nanny. With one seed it prints the transcript; with --seeds N it runs seeds 1 to N (or
// from
// --first), on all processors, and prints those in which an invariant broke.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/sim/chaos.h"
#include "tests/sim/servers/chaos.h"

namespace {

constexpr int kFailuresShownMax = 10;

int usage(FILE* out) {
  std::fprintf(out,
               "usage: lvs_sim [WORLD] SEED | lvs_sim [WORLD] --seeds N [--first SEED]\n"
               "  WORLD       a pair of directors, or\n"
               "  --legacy    with Piranha's heartbeats (heartbeat_format = legacy)\n"
               "  --servers   lvsd and nanny of one director, its core and real servers\n"
               "  SEED        print the transcript of this history\n"
               "  --seeds N   run N histories, print the seeds of those that break an invariant\n"
               "exit status: 0 no invariant broke, 1 one did, 2 wrong usage\n");
  return out == stdout ? 0 : 2;
}

// What a history leaves, whatever world it happened in.
struct History {
  std::string transcript;
  uint64_t hash;
  std::vector<std::string> violations;
};

template <typename World>
History history_of(const World& world) {
  return {world.transcript(), world.history_hash(), world.violations()};
}

// `tells`: somebody reads the transcript.
using Live = std::function<History(uint64_t seed, bool tells)>;

Live world_called(const std::string& word) {
  if (word == "--servers") {
    return [](uint64_t seed, bool tells) {
      return history_of(*lvs::sim::servers::live_through(seed, tells));
    };
  }
  return [legacy = word == "--legacy"](uint64_t seed, bool) {
    return history_of(*lvs::sim::live_through(seed, legacy));
  };
}

int show(uint64_t seed, const Live& live) {
  const History history = live(seed, true);
  std::fputs(history.transcript.c_str(), stdout);
  std::printf("seed %llu history %016llx violations %zu\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(history.hash), history.violations.size());
  return history.violations.empty() ? 0 : 1;
}

class Runs {
 public:
  Runs(uint64_t first, uint64_t count, const Live& live)
      : next_(first), first_(first), end_(first + count), live_(live) {}

  // Each seed is a history of its own, whoever runs it.
  std::map<uint64_t, std::string> broken() {
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
      workers.emplace_back([this] { work(); });
    }
    for (auto& worker : workers) {
      worker.join();
    }
    return std::move(broken_);
  }

 private:
  void work() {
    for (uint64_t seed = next_++; seed < end_; seed = next_++) {
      const History history = live_(seed, false);
      const std::scoped_lock lock(mutex_);
      if (!history.violations.empty()) {
        broken_[seed] = history.violations.front();
      }
      tell_progress(seed + 1 - first_);
    }
  }

  void tell_progress(uint64_t done) const {
    if (shows_progress_ && done % kProgressStep == 0) {
      std::fprintf(stderr, "\r%llu of %llu", static_cast<unsigned long long>(done),
                   static_cast<unsigned long long>(end_ - first_));
    }
  }

  static constexpr uint64_t kProgressStep = 1000;
  std::atomic<uint64_t> next_;
  const uint64_t first_;
  const uint64_t end_;
  const Live& live_;
  const bool shows_progress_ = ::isatty(STDERR_FILENO) == 1;
  std::mutex mutex_;
  std::map<uint64_t, std::string> broken_;
};

int run(uint64_t first, uint64_t count, const Live& live) {
  const auto broken = Runs(first, count, live).broken();
  int shown = 0;
  for (const auto& [seed, invariant] : broken) {
    if (++shown <= kFailuresShownMax) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), invariant.c_str());
    }
  }
  std::printf("%llu seeds, %zu broke an invariant\n", static_cast<unsigned long long>(count),
              broken.size());
  return broken.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t first = 1;
  uint64_t count = 0;
  uint64_t seed = 0;
  Live live = world_called("");
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help" || word == "-h") {
      return usage(stdout);
    }
    if (word == "--legacy" || word == "--servers") {
      live = world_called(word);
    } else if ((word == "--seeds" || word == "--first") && i + 1 < argc) {
      (word == "--seeds" ? count : first) = std::strtoull(argv[++i], nullptr, 10);
    } else if (word.find_first_not_of("0123456789") == std::string::npos && !word.empty()) {
      seed = std::strtoull(word.c_str(), nullptr, 10);
    } else {
      return usage(stderr);
    }
  }
  if (count > 0) {
    return run(first, count, live);
  }
  return seed > 0 ? show(seed, live) : usage(stderr);
}
