// Walks the caches of lblc and lblcr once a minute, some thousand entries a second, and takes out
// what goes by the rules of lvsd/core/aging.h.
#pragma once

#include <optional>
#include <vector>

#include "common/time.h"
#include "lvsd/core/aging.h"
#include "lvsd/core/io/batch_reader.h"
#include "lvsd/core/io/programs.h"
#include "lvsd/core/io/reading.h"

namespace lvs::core {

class Localities {
 public:
  explicit Localities(Programs& programs) : programs_(programs) {}

  // Every second.
  void go_on(TimePoint now);

 private:
  bool is_any_service() const;
  bool stride();  // False: that was the last of a pass.
  void end_pass();
  CacheOwner owner_of(uint32_t service) const;

  Programs& programs_;
  BatchReader<lvs_locality_key, lvs_locality> reader_;
  Aging aging_;
  std::optional<TimePoint> next_;
  bool is_in_pass_ = false;
  bool may_be_any_ = true;  // Entries, whoever had them.
};

}  // namespace lvs::core
