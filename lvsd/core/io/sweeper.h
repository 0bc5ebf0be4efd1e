// Walks the connections and templates, a thousand entries at a time, and has the program end
// what is past its time. However large the table is, no stride holds a CPU for long.
#pragma once

#include <vector>

#include "common/ipvs/request.h"
#include "lvsd/core/io/batch_reader.h"
#include "lvsd/core/io/programs.h"
#include "lvsd/core/sweeping.h"

namespace lvs::core {

class Sweeper {
 public:
  explicit Sweeper(Programs& programs) : programs_(programs) {}

  // One stride more. False: that was the last of a pass.
  Result<bool> stride(const lvs_sweep& how);
  // From the beginning to the end.
  Result<Ok> pass(const lvs_sweep& how);
  // Some strides of a pass that looks at every entry, from a position (0: the beginning) on: the
  // connections that were taken out, and the next position.
  Result<ipvs::Killed> part(const lvs_sweep& how, uint64_t from);

 private:
  Result<bool> go_on(const lvs_sweep& how);
  void go_to(uint64_t position);
  uint64_t position() const;
  template <typename Key, typename Value>
  bool look(BatchReader<Key, Value>& reader, Map map);
  bool may_go(const lvs_template& item, uint8_t protocol) const;
  template <typename Flow>
  bool may_go(const Flow& flow, uint8_t protocol) const;
  bool is_drawn(const lvs_template& item, uint8_t protocol) const;
  template <typename Flow>
  bool is_drawn(const Flow& flow, uint8_t protocol) const;
  Result<uint32_t> end(std::vector<lvs_key6>& keys, const lvs_sweep& how);

  Programs& programs_;
  BatchReader<lvs_key, lvs_flow> flows_;
  BatchReader<lvs_key, lvs_template> templates_;
  BatchReader<lvs_key6, lvs_flow6> flows6_;
  BatchReader<lvs_key6, lvs_template> templates6_;
  Sweeping sweeping_;
  uint32_t where_ = LVS_SWEEP_FLOWS;
  std::vector<lvs_key6> candidates_;
  std::vector<lvs_key6> drawn_;  // For drop_entry.
  uint32_t killed_ = 0;          // In this part.
};

}  // namespace lvs::core
