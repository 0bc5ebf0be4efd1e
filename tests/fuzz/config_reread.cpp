// Law: a file that is read again, after any other, gives what a first reading of it gives. The
// input is the two texts, with a 0 byte between them.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/config/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lvs::config;
  const std::string_view both(reinterpret_cast<const char*>(data), size);
  const size_t end = both.find('\0');
  const std::string before(both.substr(0, end));
  const std::string after(end == std::string_view::npos ? before : both.substr(end + 1));
  ConfigReader reader("lvs.cf");
  reader.read(before);
  const Parsed again = reader.read(after);
  const Parsed first = parse(after, "lvs.cf");
  if (again.config != first.config || again.diagnostics != first.diagnostics ||
      again.not_in_effect != first.not_in_effect) {
    std::fprintf(stderr, "read again it differs from a first reading:\n%s\n", after.c_str());
    std::abort();
  }
  return 0;
}
