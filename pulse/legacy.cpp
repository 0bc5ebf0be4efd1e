#include "pulse/legacy.h"

#include <algorithm>
#include <cstring>

namespace lvs::pulse {
namespace {

constexpr uint32_t kRunning = 0xBDADDBDA;
constexpr uint32_t kStopped = 0xADBDDABD;
// Running, stopped and stop-me of failover services; hold and held.
constexpr std::array<uint32_t, 5> kOthers = {0xBEEFBABE, 0xDEADBEEF, 0xDEADDADA, 0xDEAFBABE,
                                             0xDEAFDADA};
constexpr std::array<uint8_t, 4> kFormat2 = {'L', 'V', 'S', 'H'};

// Words overtake each other: what comes so soon behind another may be older.
constexpr Duration kWordSettle = std::chrono::milliseconds{20};
constexpr int kPrimaryPatience = 2;  // In keepalives: its answer to ours may be lost once.
constexpr int kBackupPatience = 3;   // So that two with this patience do not end it together.

}  // namespace

const char* name(Word word) {
  switch (word) {
    case Word::running:
      return "running";
    case Word::stopped:
      return "stopped";
    case Word::other:
      return "other";
  }
  return "?";
}

WordBytes encode(Word word) {
  const uint32_t number = word == Word::running ? kRunning : kStopped;
  WordBytes bytes;
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

std::variant<Word, Refusal> read_word(std::span<const uint8_t> datagram) {
  if (datagram.size() != sizeof(uint32_t)) {
    const bool is_of_format_2 = datagram.size() > kFormat2.size() &&
                                std::equal(kFormat2.begin(), kFormat2.end(), datagram.begin());
    return is_of_format_2 ? Refusal::other_version : Refusal::malformed;
  }
  uint32_t number = 0;
  std::memcpy(&number, datagram.data(), sizeof number);
  if (number == kRunning || number == kStopped) {
    return number == kRunning ? Word::running : Word::stopped;
  }
  if (std::ranges::count(kOthers, number) != 0) {
    return Word::other;
  }
  return Refusal::malformed;
}

Word word_of(Role role) {
  return role == Role::passive ? Word::stopped : Word::running;
}

Role role_of(Word word, const std::optional<Role>& before) {
  return word == Word::running   ? Role::active
         : word == Word::stopped ? Role::passive
                                 : before.value_or(Role::active);
}

void Turn::heard(size_t path, Word word, bool was_silent, TimePoint now) {
  if (word == Word::running) {
    running_at_[path] = now;
    has_served_ = true;
    stopped_since_.reset();
    return;
  }
  const auto said_running = running_at_.find(path);
  if (word == Word::stopped && said_running != running_at_.end() &&
      now >= said_running->second + kWordSettle) {
    running_at_.erase(said_running);
  }
  if (word == Word::stopped && (was_silent || !stopped_since_)) {
    has_fallen_ = has_served_ && !was_silent;
    has_served_ = false;
    stopped_since_ = now;
  }
}

std::optional<TimePoint> Turn::at(Node own, bool is_able, Duration keepalive) const {
  if (!stopped_since_) {
    return std::nullopt;
  }
  const bool is_primary = own == Node::primary;
  const Duration patience = keepalive * (is_primary ? kPrimaryPatience : kBackupPatience);
  const bool need_not_wait = is_able && (is_primary || has_fallen_);
  const Duration settle = std::min(kWordSettle, keepalive / 2);
  TimePoint turn = *stopped_since_ + (need_not_wait ? settle : patience);
  for (const auto& [path, at] : running_at_) {
    turn = std::max(turn, at + keepalive * 3 / 2);
  }
  return let_go_at_ ? std::max(turn, *let_go_at_ + patience) : turn;
}

}  // namespace lvs::pulse
