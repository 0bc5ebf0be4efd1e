#include "lvsd/core/hash_tables.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "lvsd/bpf/hashes.h"

namespace lvs::core {

namespace {

// One turn after the other, each as long as `turns_of` says, until the table is full.
template <typename TurnsOf>
HashTable in_turn(const Servers& servers, TurnsOf turns_of) {
  HashTable table(LVS_HASH_SLOTS, LVS_NO_DEST);
  auto server = servers.begin();
  int32_t taken = 0;
  for (auto& slot : table) {
    if (servers.empty()) {
      break;
    }
    slot = server->second.id;
    if (++taken >= turns_of(server->second)) {
      taken = 0;
      server = std::next(server) == servers.end() ? servers.begin() : std::next(server);
    }
  }
  return table;
}

constexpr int kHalfIndex = 6;  // Of the table's size in ip_vs's list of sizes, halved.

// The address as these schedulers hash it: IPv6 folded to 32 bits, host order.
uint32_t folded(const Address& address) {
  uint32_t sum = 0;
  for (size_t i = 0; i < address.size(); i += sizeof(sum)) {
    uint32_t word = 0;
    std::memcpy(&word, address.bytes() + i, sizeof(word));
    sum ^= word;
  }
  return ntohl(sum);
}

struct Walker {
  uint32_t id;
  uint32_t at;
  uint32_t skip;
  int32_t turns;  // Slots that it takes in a round.
};

std::vector<Walker> walkers(const Servers& servers) {
  int32_t step = 0;
  int32_t largest = 0;
  for (const auto& [place, server] : servers) {
    step = std::gcd(step, server.last_weight);
    largest = std::max(largest, server.last_weight);
  }
  std::vector<Walker> all;
  for (const auto& [place, server] : servers) {
    if (server.last_weight == 0) {
      continue;
    }
    const auto width = static_cast<int>(std::bit_width(static_cast<uint32_t>(largest / step)));
    const int shift = std::max(0, width - kHalfIndex);
    const uint32_t value = folded(server.key.address) + server.key.port;
    all.push_back({.id = server.id,
                   .at = lvs_hsiphash(value, LVS_MH_KEY) % LVS_MH_SLOTS,
                   .skip = lvs_hsiphash(value, LVS_MH_SKIP_KEY) % (LVS_MH_SLOTS - 1) + 1,
                   .turns = std::max(1, server.last_weight / step >> shift)});
  }
  return all;
}

}  // namespace

HashTable dh_table(const Servers& servers) {
  return in_turn(servers, [](const Server&) { return 1; });
}

HashTable sh_table(const Servers& servers) {
  return in_turn(servers, [](const Server& server) { return server.dest.weight; });
}

HashTable mh_table(const Servers& servers) {
  HashTable table(LVS_MH_SLOTS, LVS_NO_DEST);
  auto all = walkers(servers);
  for (uint32_t filled = all.empty() ? LVS_MH_SLOTS : 0; filled < LVS_MH_SLOTS;) {
    for (auto& walker : all) {
      for (int32_t turn = 0; turn < walker.turns && filled < LVS_MH_SLOTS; ++turn, ++filled) {
        while (table[walker.at] != LVS_NO_DEST) {
          walker.at = (walker.at + walker.skip) % LVS_MH_SLOTS;
        }
        table[walker.at] = walker.id;
      }
    }
  }
  return table;
}

}  // namespace lvs::core
