// Piranha's heartbeat (heartbeat_format = legacy), for the time in which one director of a pair is
// of this suite and the other still of Piranha: a number of four bytes in the byte order of its
// sender's machine. It says whether the sender serves, and nothing else: neither who sent it nor
// when, nor what the sender lacks. Nothing is signed; the address that it comes from is all there
// is to judge by.
//
// Piranha's pulse does at once what it hears. Passive, it serves on `stopped` and after `deadtime`
// without a word; active, the backup yields to `running` and the primary announces again. So we say
// `running` for as long as we hold an address, and `stopped` once there is none: whoever hears that
// takes the service. For the same reason there is no handover.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <variant>

#include "common/time.h"
#include "pulse/wire.h"

namespace lvs::pulse {

enum class Word : uint8_t {
  running,
  stopped,
  other,  // Of Piranha's failover services, or reserved: a sign of life.
};
const char* name(Word word);

using WordBytes = std::array<uint8_t, 4>;
// `other` is never said.
WordBytes encode(Word word);
std::variant<Word, Refusal> read_word(std::span<const uint8_t> datagram);

Word word_of(Role role);
// What the word tells of its sender; nothing is known but `before`, or not even that. Who lives and
// has not said that it is passive may serve.
Role role_of(Word word, const std::optional<Role>& before);

// When it is our turn to serve while the peer says `stopped`. It hears the same of us, and Piranha
// acts on it: who says it for longer than an answer takes does not want to serve, or cannot. Only
// the primary need not wait, whose word makes the backup yield; nor need a backup whose primary
// served until now. Words that waited for a neighbour come late: a path that said `running` last
// has time to say otherwise.
class Turn {
 public:
  void heard(size_t path, Word word, bool was_silent, TimePoint now);
  // We stopped serving: what comes now was said before the peer heard of it.
  void let_go(TimePoint now) { let_go_at_ = now; }
  // Nothing: the peer does not say `stopped`.
  std::optional<TimePoint> at(Node own, bool is_able, Duration keepalive) const;

 private:
  bool has_served_ = false;
  bool has_fallen_ = false;                 // It said `running` last before.
  std::map<size_t, TimePoint> running_at_;  // By paths that said so last.
  std::optional<TimePoint> stopped_since_;
  std::optional<TimePoint> let_go_at_;
};

}  // namespace lvs::pulse
