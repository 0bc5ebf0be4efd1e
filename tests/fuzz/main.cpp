// Replays a corpus through a fuzz target without a fuzzer: every file as it is, then seeded
// mutations of each (bytes changed, cut out, doubled, spliced with another file). The same on every
// machine, so a failure can be repeated.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "common/rng.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kMutationsPerFile = 400;
constexpr size_t kMutationsMax = 40'000;
constexpr size_t kSizeMax = 64 << 10;

std::vector<std::string> read_corpus(const char* folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> corpus;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

std::string mutate(const std::vector<std::string>& corpus, size_t index, lvs::Rng& rng) {
  std::string bytes = corpus[index];
  for (uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
    const size_t at = rng.below(bytes.size() + 1);
    const size_t length = rng.below(1 + std::min<size_t>(16, bytes.size() - at));
    switch (rng.below(5)) {
      case 0:
        bytes.insert(at, 1, static_cast<char>(rng.below(256)));
        break;
      case 1:
        bytes.erase(at, length);
        break;
      case 2:
        bytes.insert(at, bytes.substr(at, length));
        break;
      case 3:
        bytes.insert(at, corpus[rng.below(corpus.size())].substr(0, 1 + rng.below(64)));
        break;
      default:
        if (at < bytes.size()) {
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
        }
    }
  }
  bytes.resize(std::min(bytes.size(), kSizeMax));
  return bytes;
}

void run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  const auto corpus = argc == 2 ? read_corpus(argv[1]) : std::vector<std::string>{};
  if (corpus.empty()) {
    std::fprintf(stderr, "usage: %s FOLDER (with at least one file)\n", argv[0]);
    return EXIT_FAILURE;
  }
  lvs::Rng rng{1};
  size_t inputs = 0;
  for (size_t i = 0; i < corpus.size(); ++i) {
    run(corpus[i]);
    ++inputs;
    for (size_t n = 0; n < std::min(kMutationsPerFile, kMutationsMax / corpus.size());
         ++n, ++inputs) {
      run(mutate(corpus, i, rng));
    }
  }
  std::printf("%zu inputs from %zu files\n", inputs, corpus.size());
  return EXIT_SUCCESS;
}
