#include "nanny/own_entry.h"

#include <cerrno>

namespace lvs::nanny {
namespace {

constexpr int32_t kUnknownWeight = -1;

}  // namespace

void OwnEntry::server_is(Health health) {
  if (health == Health::up) {
    wanted_ = dest_.weight;
  } else if (on_failure_ == OnFailure::quiesce && held_) {
    wanted_ = 0;
  } else {
    wanted_ = std::nullopt;
  }
}

std::optional<ipvs::Request> OwnEntry::next() const {
  if (wanted_ == held_) {
    return std::nullopt;
  }
  if (!wanted_) {
    return ipvs::DelDest{service_, key_};
  }
  ipvs::Dest dest = dest_;
  dest.weight = *wanted_;
  if (held_) {
    return ipvs::SetDest{service_, key_, dest};
  }
  return ipvs::NewDest{service_, key_, dest};
}

void OwnEntry::done() {
  held_ = wanted_;
}

bool OwnEntry::refused(int code) {
  if (code == EEXIST && !held_) {
    held_ = kUnknownWeight;
    return true;
  }
  const bool service_is_gone = code == ESRCH && !wanted_;
  if ((code == ENOENT || service_is_gone) && held_) {
    held_ = std::nullopt;
    return true;
  }
  return false;
}

}  // namespace lvs::nanny
