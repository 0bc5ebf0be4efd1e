// Law: whatever a text holds, what import writes of it our own check calls good; and nothing is
// written only where no service is in it, never because of a mistake of ours.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "tools/lvsctl/check.h"
#include "tools/lvsctl/import/import.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lvs::lvsctl;
  const std::string text(reinterpret_cast<const char*>(data), size);
  foreign::Hints hints;
  hints.names.host = [](const std::string&) { return lvs::Address::parse("192.0.2.77"); };
  hints.names.port = [](const std::string&, lvs::ipvs::Protocol) {
    return std::optional<uint16_t>(80);
  };
  const foreign::Import made = foreign::import_text(text, std::nullopt, hints);
  if (!made.text) {
    const int code = made.text.error().code;
    if (code != ENOMSG && code != EFBIG && code != EBADMSG) {
      std::fprintf(stderr, "%s\n", made.text.error().what.c_str());
      std::abort();
    }
    return 0;
  }
  const CheckReport report = check(*made.text, "lvs.cf", Strictness::liberal);
  if (!report.good) {
    std::fprintf(stderr, "%s%s", to_text(report, "lvs.cf", Format::text).c_str(),
                 made.text->c_str());
    std::abort();
  }
  return 0;
}
