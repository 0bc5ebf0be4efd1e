// What a director does, as its machine and the network do it: heartbeats on their way, addresses
// and their leases, announcements and questions to the segment.
#include <algorithm>

#include "tests/sim/checkers.h"
#include "tests/sim/world.h"

namespace lvs::sim {

using namespace std::chrono_literals;

namespace {

constexpr size_t kRecordedMax = 32;
constexpr Duration kNeighbourPatience = 3s;
constexpr Duration kNeighbourPause = 1s;

}  // namespace

void World::perform(Machine& m, const pulse::SendHeartbeat& action) {
  send_on_paths(m, encode(action.heartbeat, m.key), action.only);
}

void World::perform(Machine& m, const pulse::SendWord& action) {
  const pulse::WordBytes bytes = encode(action.word);
  send_on_paths(m, {bytes.begin(), bytes.end()}, {});
}

void World::send_on_paths(Machine& m, const std::vector<uint8_t>& bytes,
                          std::optional<size_t> only) {
  if (!m.knows_peer) {
    return;
  }
  for (size_t path = 0; path < paths(); ++path) {
    if (only && *only != path) {
      continue;
    }
    const bool has_device = has_carrier(m, path == 0 ? kPublicDevice : kInnerDevice);
    if (!has_device || now_ < m.asks_again_at[path]) {
      m.waiting[path].emplace_back(now_, bytes);
      continue;
    }
    send(m, path, bytes, Duration{0});
  }
}

void World::send(Machine& from, size_t path, const std::vector<uint8_t>& bytes, Duration after) {
  const Node to = other(from.node);
  if (!has_carrier(machine(to), path == 0 ? kPublicDevice : kInnerDevice)) {
    return;
  }
  for (const Duration delay : link(from.node, path).send(rng_)) {
    at(now_ + after + delay, [this, to, path, bytes] { deliver(to, path, bytes); });
  }
}

// The carrier is back. The neighbour is asked again once a second; then all goes out that has not
// waited for too long.
void World::ask_neighbour(Machine& from, size_t path) {
  if (from.waiting[path].empty()) {
    return;
  }
  const auto pause = static_cast<int64_t>(rng_.below(kNeighbourPause.count()));
  from.asks_again_at[path] = now_ + Duration{pause};
  at(from.asks_again_at[path], [this, &from, path] {
    if (now_ == from.asks_again_at[path]) {
      send_what_waits(from, path);
    }
  });
}

void World::send_what_waits(Machine& from, size_t path) {
  Duration after{0};
  for (const auto& [since, bytes] : std::exchange(from.waiting[path], {})) {
    if (path < paths() && now_ < since + kNeighbourPatience) {
      send(from, path, bytes, after);
      after += std::chrono::microseconds{1};
    }
  }
}

void World::deliver(Node to, size_t path, const std::vector<uint8_t>& bytes) {
  Machine& m = machine(to);
  if (!m.director || !m.knows_peer) {
    return;
  }
  if (recorded_.size() < kRecordedMax || rng_.chance(0.1)) {
    const size_t slot =
        recorded_.size() < kRecordedMax ? recorded_.size() : rng_.below(kRecordedMax);
    recorded_.resize(std::max(recorded_.size(), slot + 1));
    recorded_[slot] = {to, path, bytes};
  }
  mix(static_cast<uint64_t>(now_.time_since_epoch().count()) ^ bytes.back());
  feed(m, event_of(m, path, bytes));
}

pulse::Event World::event_of(Machine& to, size_t path, const std::vector<uint8_t>& bytes) {
  if (!timing_.legacy) {
    if (to.heard_last.bytes != bytes || to.heard_last.key != to.key) {
      to.heard_last = {bytes, to.key, pulse::decode(bytes, to.key)};
    }
    return pulse::Heard{path, to.heard_last.decoded};
  }
  const auto read = pulse::read_word(bytes);
  if (const auto* refusal = std::get_if<pulse::Refusal>(&read)) {
    return pulse::Heard{path, *refusal};
  }
  return pulse::HeardWord{path, std::get<pulse::Word>(read)};
}

void World::perform(Machine& m, const pulse::ArmCore&) {
  m.core_wanted = true;
  m.core_ahead = false;
  arm_core(m);
}

void World::arm_core(Machine& m) {
  if (!m.lvsd_ready) {
    return;
  }
  m.core_armed = true;
  feed_later(m, kLvsdDelay, pulse::CoreArmed{});
}

void World::perform(Machine& m, const pulse::DisarmCore&) {
  m.core_wanted = m.core_ahead = false;
  m.core_armed = m.core_armed && !m.lvsd_ready;
}

void World::perform(Machine& m, const pulse::ArmAhead& action) {
  m.core_ahead = action.armed;
  m.core_armed = m.lvsd_ready ? action.armed : m.core_armed;
}

void World::hold(Machine& m, const pulse::FloatingAddress& address,
                 std::optional<std::chrono::seconds> lifetime) {
  std::optional<TimePoint> end;
  if (lifetime) {
    end = m.clock(now_) + *lifetime;
  }
  m.addresses[address.address] = end;
  ++m.address_changes;
  if (!end) {
    return;
  }
  expire(m, address.address, *end);
}

// When its machine's clock gets there.
void World::expire(Machine& m, Address address, TimePoint end) {
  at(m.when(end), [this, &m, address, end] {
    const auto found = m.addresses.find(address);
    if (m.paused_at || found == m.addresses.end() || found->second != end) {
      return;
    }
    if (m.clock(now_) < end) {
      return expire(m, address, end);
    }
    drop_address(m, address);
  });
}

void World::drop_address(Machine& m, Address address) {
  if (m.addresses.erase(address) != 0) {
    feed_later(m, kNetlinkDelay, pulse::AddressGone{address});
  }
}

void World::perform(Machine& m, const pulse::AddAddresses& action) {
  for (const pulse::FloatingAddress& address : action.addresses) {
    hold(m, address, action.lifetime);
  }
  feed_later(m, kNetlinkDelay, pulse::AddressesDone{});
}

void World::perform(Machine& m, const pulse::RenewAddresses& action) {
  for (const pulse::FloatingAddress& address : action.addresses) {
    hold(m, address, action.lifetime);
  }
  feed_later(m, kNetlinkDelay, pulse::AddressesDone{});
}

void World::perform(Machine& m, const pulse::RemoveAddress& action) {
  drop_address(m, action.address.address);
}

void World::perform(Machine& m, const pulse::Announce& action) {
  if (m.director->state() != pulse::State::active) {
    violated("only-an-active-director-announces");
  }
  const std::string& device = action.address.device;
  if (has_carrier(m, device) && m.addresses.contains(action.address.address)) {
    announced_ = device == kPublicDevice ? m.node : announced_;
    if (!is_segment_split_ && has_carrier(machine(other(m.node)), device)) {
      feed_later(machine(other(m.node)), kNetlinkDelay,
                 pulse::AddressClaimed{action.address.address, m.mac});
    }
  }
}

bool World::has_carrier(const Machine& m, const std::string& device) const {
  return device == kPublicDevice ? m.has_carrier : m.has_inner_carrier;
}

bool World::answers_itself(const Machine& asked, const pulse::ProbeAddress& question) const {
  const Address& address = question.address.address;
  return asked.has_power && !asked.paused_at && (!question.only || *question.only == asked.mac) &&
         (asked.address == address || asked.addresses.contains(address));
}

void World::perform(Machine& m, const pulse::ProbeAddress& action) {
  Machine& o = machine(other(m.node));
  const Address address = action.address.address;
  // A switch that answers for the absent knows who announced last, and does so for broadcasts only.
  m.last_asked_all = is_segment_whole();
  const std::string& device = action.address.device;
  const bool switch_answers = is_arp_suppressed_ && !action.only && has_carrier(m, device) &&
                              (address == o.address || announced_ == o.node);
  const bool is_joined = !is_segment_split_ && has_carrier(m, device) && has_carrier(o, device);
  const bool peer_answers = is_joined && answers_itself(o, action) && !rng_.chance(faults_.loss);
  if (switch_answers || peer_answers) {
    feed_later(m, kNetlinkDelay, pulse::AddressClaimed{address, o.mac});
  }
}

void World::perform(Machine& m, const pulse::TellRole& action) {
  m.told = action.notice;
}

void World::perform(Machine&, const pulse::RunCommand&) {
}

void World::perform(Machine& m, const pulse::Keep& action) {
  m.kept = action.kept;
}

void World::perform(Machine& m, const pulse::Answer& action) {
  m.last_answer = action.ok;
  say(std::string(name(m.node)) + " answers: " + action.text);
}

void World::perform(Machine& m, const pulse::Exit&) {
  m.exited = true;
}

void World::perform(Machine& m, const LogEvent& action) {
  say(std::string(name(m.node)) + " " + to_line(action));
}

}  // namespace lvs::sim
