#include "common/heartbeat_key.h"

#include <cstring>

namespace lvs {
namespace {

constexpr const char* kHowToMakeKey =
    "; make it with `lvsctl key` on one director and copy it to the other, or write "
    "`heartbeat_key = none` in lvs.cf to run without";
constexpr const char* kHowToMakeNext =
    "; make it with `lvsctl key --next` on one director and copy it to the other, or take "
    "heartbeat_key_next out of lvs.cf";
constexpr uint32_t kForOthers = 077;

}  // namespace

std::string trouble_of(const KeyFile& file, bool of_next) {
  const char* how_to_make = of_next ? kHowToMakeNext : kHowToMakeKey;
  const std::string what = "heartbeat key " + file.path + ": ";
  if (file.error != 0) {
    return what + std::strerror(file.error) + how_to_make;
  }
  if (!file.is_plain) {
    return what + "not a plain file" + how_to_make;
  }
  if (file.owner != 0 || (file.mode & kForOthers) != 0) {
    return what + "must belong to root alone: chown root " + file.path + "; chmod 600 " + file.path;
  }
  if (file.size < kKeySizeMin || file.size > kKeySizeMax) {
    return what + "expected " + std::to_string(kKeySizeMin) + " to " + std::to_string(kKeySizeMax) +
           " bytes, not " + std::to_string(file.size) + how_to_make;
  }
  return "";
}

}  // namespace lvs
