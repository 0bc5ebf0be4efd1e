// The programs of the packet path, once more and attached to nothing, on a copy of the tables: a
// packet goes through them as it would go now, and what they write is lost with the copy. So there
// is no second opinion in user space about what they would do, and the packet path knows nothing
// of it. Connections, templates and localities are copied one by one, as they are asked for.
#pragma once

#include <linux/bpf.h>

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "common/result.h"
#include "lvsd/bpf/abi.h"
#include "lvsd/core/io/tables.h"

struct lvs_bpf;

namespace lvs::core {

class Rehearsal {
 public:
  // What the programs leave in their scratch memory; zeros where they did not come so far.
  struct Traces {
    uint32_t service = 0;
    lvs_slice slice{};
    std::array<uint32_t, 4> target{};
    lvs_key6 template_key{};  // IPv4: a lvs_key.
    lvs_flow6 flow{};         // IPv4: the first part.
    bpf_redir_neigh next_hop{};
    uint32_t device = 0;
  };
  struct Played {
    int verdict = 0;
    std::array<uint64_t, LVS_DROPS> drops{};
    Traces traces;
  };

  static Result<Rehearsal> open(const Tables& real);
  Rehearsal(Rehearsal&&) noexcept;
  Rehearsal& operator=(Rehearsal&&) noexcept;
  ~Rehearsal();

  // The tables as they are now, without a connection, template or locality.
  void set_stage();
  // One of the real entries as well, if it is there: `value` is filled with it.
  template <typename Key, typename Value>
  bool bring(Map map, const Key& key, Value& value) {
    return take(real_.fd(map), &key, &value) && put(map, &key, &value);
  }
  template <typename Key, typename Value>
  void replace(Map map, const Key& key, const Value& value) {
    put(map, &key, &value);
  }
  // As the programs left it.
  template <typename Key, typename Value>
  bool look_up(Map map, const Key& key, Value& value) const {
    return take(fd(map), &key, &value);
  }
  Result<Played> play(Hook hook, std::span<const uint8_t> frame, const __sk_buff& context);

  const Tables& tables() const { return memory_.tables; }
  // Whether the program with this id is this one, instruction by instruction.
  bool is_same_program(uint32_t id) const;

 private:
  struct Places;  // Where in the scratch memory the traces are.
  struct SkeletonDeleter {
    void operator()(lvs_bpf* skeleton) const;
  };

  Rehearsal() = default;
  Result<Ok> load();
  bool find_places();
  int fd(Map map) const { return memory_.tables.fd(map); }
  int program(Hook hook) const;
  static bool take(int fd, const void* key, void* value);
  bool put(Map map, const void* key, const void* value);
  void empty(Map map);
  Traces traces() const;

  Tables real_;
  std::unique_ptr<lvs_bpf, SkeletonDeleter> skeleton_;
  Memory memory_;
  std::unique_ptr<Places> places_;
};

}  // namespace lvs::core
