#include "tools/lvsctl/switchover.h"

namespace lvs::lvsctl {
namespace {

namespace json = boost::json;

std::string word_of(const json::object& status, const char* field) {
  const json::value* value = status.if_contains(field);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::optional<bool> is_switching(const json::object& status) {
  const json::value* value = status.if_contains("switching");
  return value != nullptr && value->is_bool() ? std::optional(value->get_bool()) : std::nullopt;
}

bool peer_is_active(const json::object& status) {
  const json::value* peer = status.if_contains("peer");
  return peer != nullptr && peer->is_object() && word_of(peer->get_object(), "role") == "active";
}

}  // namespace

Switchover::Switchover(const json::object& status_before)
    : gives_away_(word_of(status_before, "state") == "active" ||
                  word_of(status_before, "state") == "handing-over"),
      peer_(word_of(status_before, "node") == "primary" ? "backup" : "primary") {
}

std::optional<Outcome> Switchover::judge(const json::object& status) {
  const std::string state = word_of(status, "state");
  if (!gives_away_ && state == "active") {
    return Outcome{true, "this director serves"};
  }
  if (!gives_away_) {
    return state == "standby" && is_switching(status) == false
               ? std::optional(Outcome{
                     false, "the " + peer_ + " director did not hand over; see lvsctl status"})
               : std::nullopt;
  }
  if (state == "active" && is_switching(status) == true) {
    has_waited_ = true;
    return std::nullopt;
  }
  if (state == "active") {
    return Outcome{false,
                   "the " + peer_ + " director " +
                       (has_waited_ ? "serves fewer services than this one"
                                    : "did not take over (" + word_of(status, "reason") + ")") +
                       "; this one goes on serving"};
  }
  return state == "standby" && peer_is_active(status)
             ? std::optional(Outcome{true, "the " + peer_ + " director serves"})
             : std::nullopt;
}

}  // namespace lvs::lvsctl
