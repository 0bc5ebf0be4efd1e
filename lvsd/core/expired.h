// What the next sweep would take out: entries past their time still lie in the maps and are counted
// in their real servers, for as long as nobody sweeps. A listing made in the meantime leaves them
// out and takes them off the counters, by the rules of the sweeper in lvsd/bpf. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "lvsd/bpf/abi.h"

namespace lvs::core {

class Expired {
 public:
  struct Counts {
    uint32_t active = 0;
    uint32_t total = 0;  // Active and inactive.
    uint32_t persistent = 0;
    bool operator==(const Counts&) const = default;
  };

  explicit Expired(uint64_t now) : now_(now) {}  // As the entries' times.

  // Whether this entry is a connection that lives. All connections come before the templates: an
  // expired template stays as long as a living connection holds it.
  bool is_living(const lvs_flow& flow);
  bool is_living(const lvs_flow6& flow);
  bool is_living(const lvs_key& key, const lvs_template& item);
  bool is_living(const lvs_key6& key, const lvs_template& item);

  // What a real server's counters hold too much.
  Counts of(uint32_t server) const;

 private:
  // Key of either family, generation.
  using TemplateId = std::pair<std::array<uint8_t, sizeof(lvs_key6)>, uint32_t>;

  template <typename Key>
  bool is_living_flow(const lvs_flow& flow, const Key& template_key);
  bool is_living_template(const TemplateId& id, const lvs_template& item);
  template <typename Key>
  static TemplateId id_of(const Key& key, uint32_t generation);

  uint64_t now_;
  std::map<uint32_t, Counts> counts_;
  std::map<TemplateId, uint64_t> released_;
};

}  // namespace lvs::core
