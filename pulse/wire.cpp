#include "pulse/wire.h"

#include <algorithm>
#include <cstdio>

#include "pulse/hmac.h"

namespace lvs::pulse {
namespace {

constexpr std::array<uint8_t, 4> kMagic = {'L', 'V', 'S', 'H'};
constexpr uint8_t kVersion = 3;

enum Flag : uint8_t { kAble = 1, kGoodbye = 2, kAsking = 4 };
constexpr uint16_t kUnservedUnknown = 65535;

template <typename Integer>
void put(std::vector<uint8_t>& out, Integer value) {
  for (size_t i = sizeof(Integer); i-- > 0;) {
    out.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i)));
  }
}

template <typename Integer>
Integer get(std::span<const uint8_t> in, size_t offset) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    value = value << 8 | in[offset + i];
  }
  return static_cast<Integer>(value);
}

bool has_magic(std::span<const uint8_t> in) {
  return in.size() > kMagic.size() && std::equal(kMagic.begin(), kMagic.end(), in.begin());
}

// Piranha sends a number alone, in its machine's byte order.
bool is_of_another_version(std::span<const uint8_t> in) {
  constexpr std::array<uint32_t, 4> kPiranha = {0xBDADDBDA, 0xADBDDABD, 0xBEEFBABE, 0xDEADBEEF};
  if (in.size() == sizeof(uint32_t)) {
    const auto number = get<uint32_t>(in, 0);
    return std::any_of(kPiranha.begin(), kPiranha.end(), [number](uint32_t known) {
      return number == known || number == __builtin_bswap32(known);
    });
  }
  return has_magic(in) && in[4] != kVersion;
}

// Of an authentic datagram that is long enough for its number of hardware addresses.
bool is_well_formed(std::span<const uint8_t> in) {
  const uint8_t node = in[5];
  const uint8_t role = in[6];
  const uint8_t flags = in[7];
  const auto reasons = get<uint32_t>(in, 56);
  return (node == 1 || node == 2) && role <= static_cast<uint8_t>(Role::handing_over) &&
         ((flags & kAble) != 0) == (reasons == 0) && get<uint64_t>(in, 16) != 0 &&
         get<uint64_t>(in, 32) != 0;
}

// What cannot be read as such names nothing: the count is what decides.
void read_failing(std::span<const uint8_t> in, Heartbeat& h) {
  const size_t count = in.empty() ? 0 : in[0];
  const size_t end = 1 + sizeof(ServiceId) * count;
  if (count > kFailingNamedMax || in.size() < end) {
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    h.failing.push_back(get<ServiceId>(in, 1 + sizeof(ServiceId) * i));
  }
  const auto bits_at = [&](size_t offset) -> uint64_t {
    const uint64_t bits = in.size() < offset + sizeof(uint64_t) ? 0 : get<uint64_t>(in, offset);
    return bits >> count == 0 ? bits : 0;
  };
  h.uncheckable = bits_at(end);
  h.recovered = bits_at(end + sizeof h.uncheckable);
}

Heartbeat read_fields(std::span<const uint8_t> in) {
  Heartbeat h;
  h.node = static_cast<Node>(in[5]);
  h.role = static_cast<Role>(in[6]);
  h.goodbye = (in[7] & kGoodbye) != 0;
  h.asking = (in[7] & kAsking) != 0;
  h.cluster_id = get<uint64_t>(in, 8);
  h.my_incarnation = get<uint64_t>(in, 16);
  h.your_incarnation = get<uint64_t>(in, 24);
  h.sequence = get<uint64_t>(in, 32);
  h.your_sequence = get<uint64_t>(in, 40);
  h.term = get<uint64_t>(in, 48);
  h.reasons = get<uint32_t>(in, 56);
  h.config_serial = get<uint32_t>(in, 60);
  h.config_digest = get<uint64_t>(in, 64);
  const auto down = get<uint16_t>(in, 74);
  h.unserved = down == kUnservedUnknown ? std::nullopt : Unserved(down);
  h.macs.resize(in[72]);
  for (size_t i = 0; i < h.macs.size(); ++i) {
    std::copy_n(in.begin() + static_cast<std::ptrdiff_t>(kHeaderSize + 6 * i), 6,
                h.macs[i].begin());
  }
  read_failing(in.subspan(kHeaderSize + size_t{6} * in[72]), h);
  return h;
}

}  // namespace

std::vector<ServiceId> Heartbeat::failing_still() const {
  std::vector<ServiceId> still;
  for (size_t place = 0; place < failing.size(); ++place) {
    if (!has_recovered(place)) {
      still.push_back(failing[place]);
    }
  }
  return still;
}

std::vector<uint8_t> encode(const Heartbeat& h, const Key& key) {
  const size_t macs = std::min(h.macs.size(), kMacsMax);
  std::vector<uint8_t> out;
  out.reserve(kHeartbeatSizeMax);
  out.insert(out.end(), kMagic.begin(), kMagic.end());
  put(out, kVersion);
  put(out, static_cast<uint8_t>(h.node));
  put(out, static_cast<uint8_t>(h.role));
  put(out, static_cast<uint8_t>((h.able() ? kAble : 0) | (h.goodbye ? kGoodbye : 0) |
                                (h.asking ? kAsking : 0)));
  put(out, h.cluster_id);
  put(out, h.my_incarnation);
  put(out, h.your_incarnation);
  put(out, h.sequence);
  put(out, h.your_sequence);
  put(out, h.term);
  put(out, h.reasons);
  put(out, h.config_serial);
  put(out, h.config_digest);
  put(out, static_cast<uint8_t>(macs));
  put(out, uint8_t{0});
  put(out, h.unserved ? std::min(*h.unserved, kUnservedMax) : kUnservedUnknown);
  for (size_t i = 0; i < macs; ++i) {
    out.insert(out.end(), h.macs[i].begin(), h.macs[i].end());
  }
  if (const size_t failing = std::min(h.failing.size(), kFailingNamedMax); failing > 0) {
    put(out, static_cast<uint8_t>(failing));
    for (size_t i = 0; i < failing; ++i) {
      put(out, h.failing[i]);
    }
    if ((h.uncheckable | h.recovered) != 0) {
      put(out, h.uncheckable);
    }
    if (h.recovered != 0) {
      put(out, h.recovered);
    }
  }
  const Digest tag = hmac_sha256(key, out);
  out.insert(out.end(), tag.begin(), tag.end());
  return out;
}

Decoded decode(std::span<const uint8_t> in, const Key& key) {
  if (is_of_another_version(in)) {
    return Refusal::other_version;
  }
  if (in.size() < kHeartbeatSizeMin || in.size() > kHeartbeatSizeMax || !has_magic(in) ||
      in[72] > kMacsMax || in.size() < kHeaderSize + size_t{6} * in[72] + kTagSize) {
    return Refusal::malformed;
  }
  const auto signed_part = in.first(in.size() - kTagSize);
  if (!equal_in_constant_time(hmac_sha256(key, signed_part), in.last(kTagSize))) {
    return Refusal::bad_hmac;
  }
  if (!is_well_formed(signed_part)) {
    return Refusal::malformed;
  }
  return read_fields(signed_part);
}

const char* name(Refusal refusal) {
  switch (refusal) {
    case Refusal::malformed:
      return "malformed";
    case Refusal::other_version:
      return "other-version";
    case Refusal::bad_hmac:
      return "bad-hmac";
    case Refusal::wrong_cluster:
      return "wrong-cluster";
    case Refusal::own_node:
      return "own-node";
    case Refusal::replay:
      return "replay";
    case Refusal::unknown_incarnation:
      return "unknown-incarnation";
  }
  return "?";
}

const char* name(Node node) {
  return node == Node::primary ? "primary" : "backup";
}

const char* name(Role role) {
  switch (role) {
    case Role::passive:
      return "passive";
    case Role::adopting:
      return "adopting";
    case Role::active:
      return "active";
    case Role::handing_over:
      return "handing-over";
  }
  return "?";
}

std::string reason_names(uint32_t reasons) {
  static constexpr std::pair<Reason, const char*> kNames[] = {
      {kLinkDown, "link-down"},
      {kNoServiceLink, "no-service-link"},
      {kLvsdStarting, "lvsd-starting"},
      {kLvsdAway, "lvsd-away"},
      {kLvsdFailing, "lvsd-failing"},
      {kNoWitness, "no-witness"},
      {kStopping, "stopping"},
      {kServiceLinkDown, "service-link-down"},
      {kAddressFailed, "address-failed"},
      {kHeld, "held"},
      {kNoWay, "no-way-to-servers"},
      {kChecksStopped, "checks-stopped"}};
  std::string names;
  for (const auto& [reason, text] : kNames) {
    if ((reasons & reason) != 0) {
      names += (names.empty() ? "" : ",") + std::string(text);
    }
  }
  if ((reasons & ~kReasonsAll) != 0) {
    names += (names.empty() ? "" : ",") + std::string("unknown");
  }
  return names.empty() ? "able" : names;
}

std::string to_string(const Mac& mac) {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
                mac[4], mac[5]);
  return text;
}

}  // namespace lvs::pulse
