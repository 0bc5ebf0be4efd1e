// Law: what parses without error is written as a text that parses without error to an equal value.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "common/config/parse.h"
#include "common/config/write.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lvs::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Parsed first = parse(text, "lvs.cf");
  if (first.config.has_value() == has_errors(first.diagnostics)) {
    std::fprintf(stderr, "a configuration beside an error, or neither\n");
    std::abort();
  }
  if (!first.config) {
    return 0;
  }
  const std::string written = write(*first.config);
  const Parsed second = parse(written, "lvs.cf");
  if (!second.config || *second.config != *first.config || write(*second.config) != written) {
    std::fprintf(stderr, "written and read again it differs:\n%s\n", written.c_str());
    for (const auto& diagnostic : second.diagnostics) {
      std::fprintf(stderr, "%s\n", to_string(diagnostic).c_str());
    }
    std::abort();
  }
  return 0;
}
