#include "tools/lvsctl/kept.h"

namespace lvs::lvsctl {
namespace {

namespace json = boost::json;

constexpr const char* kRemedy =
    "; make room there, or make it writable: pulse tries again every two seconds";

const json::object* kept_of(const json::object& status) {
  const json::value* kept = status.if_contains("kept");
  return kept != nullptr ? kept->if_object() : nullptr;
}

std::string cause_of(const json::object& status) {
  const json::object* kept = kept_of(status);
  const json::value* error = kept != nullptr ? kept->if_contains("error") : nullptr;
  const bool is_told = error != nullptr && error->is_string() && !error->get_string().empty();
  return is_told ? std::string(error->get_string()) : "the disk of /var/lib/lvs does not answer";
}

}  // namespace

bool is_kept(const json::object& status) {
  const json::object* kept = kept_of(status);
  const json::value* written = kept != nullptr ? kept->if_contains("written") : nullptr;
  return written == nullptr || !written->is_bool() || written->get_bool();
}

std::string not_kept(const std::string& what, const json::object& status) {
  const std::string meaning =
      what == "hold" ? "in force, but not kept: a boot would lose the hold: "
                     : "in force, but not kept: a boot would hold this director again: ";
  return what + ": " + meaning + cause_of(status) + kRemedy;
}

std::string not_kept(const json::object& status) {
  const json::object* kept = kept_of(status);
  const json::value* error = kept != nullptr ? kept->if_contains("error") : nullptr;
  const bool has_failed = error != nullptr && error->is_string() && !error->get_string().empty();
  return has_failed && !is_kept(status)
             ? "what must outlive a boot (hold or release, the peer's hardware addresses) is not "
               "kept: " +
                   cause_of(status) + kRemedy
             : "";
}

}  // namespace lvs::lvsctl
