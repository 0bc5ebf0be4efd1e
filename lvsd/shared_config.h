// A configuration that many hold and nobody changes: with ten thousand servers it is megabytes, so
// events, actions and what waits for a process share one.
#pragma once

#include <memory>
#include <utility>

#include "common/config/model.h"

namespace lvs::lvsd {

class SharedConfig {
 public:
  SharedConfig() : SharedConfig(config::Config{}) {}
  SharedConfig(config::Config config)
      : held_(std::make_shared<const config::Config>(std::move(config))) {}

  operator const config::Config&() const { return *held_; }
  const config::Config* operator->() const { return held_.get(); }
  bool operator==(const SharedConfig& other) const {
    return held_ == other.held_ || *held_ == *other.held_;
  }

 private:
  std::shared_ptr<const config::Config> held_;
};

}  // namespace lvs::lvsd
