// What this director knows of the other one, and which heartbeats may change that.
//
// A heartbeat acts only if it answers this very process, that is, echoes our incarnation. A
// restarted peer therefore cannot be confused with a replay of its former self, and a goodbye
// recorded earlier means nothing to a restarted receiver. Sequences rise for each (incarnation,
// path).
//
// Frames of a process that ended and of its successor cross: on two paths the older may come last.
// Which one lives is seen by what it answers. A process other than the accepted one replaces it
// only with a heartbeat that echoes a sequence of ours from after the accepted one was met; what
// was written before that moment, be it late or recorded, cannot.
//
// A heartbeat that fails either test gets one rate-limited answer; a living sender's next heartbeat
// echoes that and is believed. So who lives and is heard is believed after one answer that arrives.
//
// Silence is counted from the last heartbeat that brought news, or from the moment when we began to
// listen: having heard nothing yet is no evidence that the peer is dead.
#pragma once

#include <optional>
#include <vector>

#include "common/time.h"
#include "pulse/settings.h"
#include "pulse/wire.h"

namespace lvs::pulse {

inline constexpr Duration kAnswerPause = std::chrono::milliseconds{20};

class Peer {
 public:
  struct Path {
    uint64_t sequence = 0;
    std::optional<TimePoint> heard_at;
    bool alive = false;  // As last told by refresh_paths().
    uint64_t heard = 0;
    uint64_t lost = 0;  // Numbers that were passed over.
  };
  struct Judgement {
    std::optional<Refusal> refusal;
    bool is_news = false;         // Newer than all before, on any path: last() has changed.
    bool is_new_process = false;  // The first one of an incarnation.
    bool wants_answer = false;    // Not refused for good: answer it once.
  };

  Peer(Node own_node, uint64_t cluster_id, uint64_t own_incarnation, size_t paths);

  // `own_sequence`: of the last heartbeat that we sent.
  Judgement judge(size_t path, const Heartbeat& heartbeat, uint64_t own_sequence, TimePoint now);

  // The same for a heartbeat of which nothing can be judged (legacy.h).
  void believe(size_t path, const Heartbeat& heartbeat, TimePoint now);

  // Forget what the peer said and count silence from now.
  void listen_from(TimePoint now);
  TimePoint listening_since() const { return listening_since_; }

  // Heard within `deadtime`, and it has not said goodbye.
  bool is_alive(TimePoint now, Duration deadtime) const;
  bool said_goodbye() const { return heard_at_ && last_.goodbye; }
  TimePoint silent_since() const;
  const Heartbeat& last() const { return last_; }  // Means nothing before the first news.
  uint64_t incarnation() const { return incarnation_; }
  uint64_t sequence() const { return newest_; }  // The newest of that incarnation.
  std::optional<TimePoint> heard_at() const { return heard_at_; }

  // Paths that changed between alive and dead, by index.
  std::vector<size_t> refresh_paths(TimePoint now, Duration deadtime);
  const std::vector<Path>& paths() const { return paths_; }

 private:
  std::optional<Refusal> refuse(size_t path, const Heartbeat& heartbeat) const;
  bool answers_us(const Heartbeat& heartbeat) const;
  void adopt_incarnation(uint64_t incarnation, uint64_t own_sequence);

  Node own_node_;
  uint64_t cluster_id_;
  uint64_t own_incarnation_;
  uint64_t incarnation_ = 0;      // Of the process that we accept; 0: none yet.
  uint64_t met_at_sequence_ = 0;  // Ours, when we met it.
  uint64_t newest_ = 0;
  Heartbeat last_;
  std::optional<TimePoint> heard_at_;
  TimePoint listening_since_{};
  std::optional<TimePoint> answered_at_;
  std::vector<Path> paths_;
};

}  // namespace lvs::pulse
