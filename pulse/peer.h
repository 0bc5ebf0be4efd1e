// What this director knows of the other one, and which heartbeats may change that.
//
// A heartbeat acts only if it answers this very process, that is, echoes our incarnation. A
// restarted peer therefore cannot be confused with a replay of its former self, and a goodbye
// recorded earlier means nothing to a restarted receiver. A heartbeat that does not echo us gets
// one rate-limited answer, from which the peer learns our incarnation and we, by its next
// heartbeat, know that it is alive now. Sequences rise for each (incarnation, path); an incarnation
// that was replaced by another never acts again. Silence is counted from the last heartbeat that
// brought news, or from the moment when we began to listen: having heard nothing yet is no evidence
// that the peer is dead.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "common/time.h"
#include "pulse/settings.h"
#include "pulse/wire.h"

namespace lvs::pulse {

inline constexpr size_t kRetiredMax = 1024;  // Peer restarts remembered during one life of ours.
inline constexpr Duration kAnswerPause = std::chrono::milliseconds{20};

class Peer {
 public:
  struct Path {
    uint64_t sequence = 0;
    std::optional<TimePoint> heard_at;
    bool alive = false;  // As last told by refresh_paths().
  };
  struct Judgement {
    std::optional<Refusal> refusal;
    bool is_news = false;         // Newer than all before, on any path: last() has changed.
    bool is_new_process = false;  // The first one of an incarnation.
    bool wants_answer = false;    // Not refused for good: answer it once.
  };

  Peer(Node own_node, uint64_t cluster_id, uint64_t own_incarnation, size_t paths);

  Judgement judge(size_t path, const Heartbeat& heartbeat, TimePoint now);

  // Forget what the peer said and count silence from now.
  void listen_from(TimePoint now);
  TimePoint listening_since() const { return listening_since_; }

  // Heard within `deadtime`, and it has not said goodbye.
  bool is_alive(TimePoint now, Duration deadtime) const;
  bool said_goodbye() const { return heard_at_ && last_.goodbye; }
  TimePoint silent_since() const;
  const Heartbeat& last() const { return last_; }  // Means nothing before the first news.
  uint64_t incarnation() const { return incarnation_; }
  std::optional<TimePoint> heard_at() const { return heard_at_; }

  // Paths that changed between alive and dead, by index.
  std::vector<size_t> refresh_paths(TimePoint now, Duration deadtime);
  const std::vector<Path>& paths() const { return paths_; }

 private:
  std::optional<Refusal> refuse(size_t path, const Heartbeat& heartbeat) const;
  void adopt_incarnation(uint64_t incarnation);

  Node own_node_;
  uint64_t cluster_id_;
  uint64_t own_incarnation_;
  uint64_t incarnation_ = 0;  // Of the process that we accept; 0: none yet.
  std::deque<uint64_t> retired_;
  uint64_t newest_ = 0;
  Heartbeat last_;
  std::optional<TimePoint> heard_at_;
  TimePoint listening_since_{};
  std::optional<TimePoint> answered_at_;
  std::vector<Path> paths_;
};

}  // namespace lvs::pulse
