// One opened core for all cases of a suite: to verify the programs takes seconds, to empty what
// they work on does not. A core that cannot be emptied, or is asked for with another size, is
// opened anew.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "lvsd/bpf/abi.h"
#include "lvsd/core/io/core.h"
#include "lvsd/core/io/tables.h"

namespace lvs::test {

class SharedCore {
 public:
  boost::asio::io_context& io() { return io_; }
  core::Core* get() { return core_.get(); }

  // Empty, armed, with standard settings.
  void open(const core::CoreOptions& options) {
    if (!core_ || options.connections_max != connections_max_ || !is_emptied()) {
      load(options);
    }
  }
  void close() {
    core_.reset();
    memory_.reset();
    fds_ = {};
    ASSERT_TRUE(core::Core::remove());
  }

 private:
  void load(const core::CoreOptions& options) {
    close();
    auto opened = core::Core::open(io_, options, [](const LogEvent&) {});
    ASSERT_TRUE(opened) << opened.error().what;
    core_ = std::move(*opened);
    connections_max_ = options.connections_max;
    ASSERT_TRUE(core_->set_armed(true));
    auto found = core::find_attached();
    ASSERT_TRUE(found) << found.error().what;
    fds_ = std::move(*found);
    core::MapNumbers numbers{};
    std::transform(fds_.begin(), fds_.end(), numbers.begin(),
                   [](const io::UniqueFd& fd) { return fd.get(); });
    auto memory = core::Memory::map(numbers, core::Access::write);
    ASSERT_TRUE(memory) << memory.error().what;
    memory_ = std::move(*memory);
    config_ = *memory_->config;
  }

  // Whether nothing is left of the case before.
  bool is_emptied() {
    bool is_done = static_cast<bool>(core_->handle(ipvs::Flush{}));
    for (const char* all : {"0.0.0.0", "::"}) {
      is_done &= are_ended({*Address::parse(all), 0});
    }
    is_done &= static_cast<bool>(core_->set_denied({}));
    *memory_->config = config_;
    forget_passing_things();
    count_no_drops();
    return is_done && core_->set_armed(true) && is_empty(core::Map::flows) &&
           is_empty(core::Map::flows6) && is_empty(core::Map::templates) &&
           is_empty(core::Map::templates6) && is_empty(core::Map::service_ids) &&
           std::all_of(memory_->dests.begin(), memory_->dests.end(), [](const lvs_dest& dest) {
             return dest.total == 0 && dest.persistent == 0;
           });
  }
  bool are_ended(ipvs::KillConnections part) {
    do {
      const auto reply = core_->handle(part);
      if (!reply) {
        return false;
      }
      part.from = std::get<ipvs::Killed>(*reply).next;
    } while (part.from != 0);
    return true;
  }
  bool is_empty(core::Map map) {
    std::array<char, sizeof(lvs_key6)> key{};
    return bpf_map_get_next_key(fd(map), nullptr, key.data()) != 0;
  }
  int fd(core::Map map) const { return fds_[static_cast<size_t>(map)].get(); }

  // The LRU maps, which are no part of the table.
  void forget_passing_things() {
    for (const int program :
         {core_->nic_ingress_fd(), core_->ipvs0_egress_fd(), core_->ipvs1_ingress_fd()}) {
      std::array<uint32_t, 64> ids{};
      bpf_prog_info info{};
      info.map_ids = reinterpret_cast<uintptr_t>(ids.data());
      info.nr_map_ids = static_cast<uint32_t>(ids.size());
      uint32_t length = sizeof(info);
      ASSERT_EQ(bpf_obj_get_info_by_fd(program, &info, &length), 0);
      ASSERT_LE(info.nr_map_ids, ids.size());
      for (uint32_t i = 0; i < info.nr_map_ids; ++i) {
        const io::UniqueFd map(bpf_map_get_fd_by_id(ids[i]));
        bpf_map_info about{};
        length = sizeof(about);
        ASSERT_EQ(bpf_obj_get_info_by_fd(map.get(), &about, &length), 0);
        if (about.type == BPF_MAP_TYPE_LRU_HASH) {
          std::vector<char> key(about.key_size);
          while (bpf_map_get_next_key(map.get(), nullptr, key.data()) == 0) {
            bpf_map_delete_elem(map.get(), key.data());
          }
        }
      }
    }
  }
  void count_no_drops() {
    const std::vector<uint64_t> zeros(static_cast<size_t>(libbpf_num_possible_cpus()));
    for (uint32_t reason = 0; reason < LVS_DROPS; ++reason) {
      ASSERT_EQ(bpf_map_update_elem(fd(core::Map::drops), &reason, zeros.data(), BPF_ANY), 0);
    }
  }

  boost::asio::io_context io_;
  std::unique_ptr<core::Core> core_;
  uint32_t connections_max_ = 0;
  core::MapFds fds_;
  std::optional<core::Memory> memory_;
  lvs_config config_{};  // As it was after opening.
};

}  // namespace lvs::test
