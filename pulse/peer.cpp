#include "pulse/peer.h"

#include <algorithm>

namespace lvs::pulse {

Peer::Peer(Node own_node, uint64_t cluster_id, uint64_t own_incarnation, size_t paths)
    : own_node_(own_node),
      cluster_id_(cluster_id),
      own_incarnation_(own_incarnation),
      paths_(paths) {
}

std::optional<Refusal> Peer::refuse(size_t path, const Heartbeat& heartbeat) const {
  if (heartbeat.cluster_id != cluster_id_) {
    return Refusal::wrong_cluster;
  }
  if (heartbeat.node == own_node_) {
    return Refusal::own_node;
  }
  if (!answers_us(heartbeat)) {
    return Refusal::unknown_incarnation;
  }
  if (heartbeat.my_incarnation == incarnation_ && heartbeat.sequence <= paths_[path].sequence) {
    return Refusal::replay;
  }
  return std::nullopt;
}

bool Peer::answers_us(const Heartbeat& heartbeat) const {
  const bool is_accepted = incarnation_ == 0 || heartbeat.my_incarnation == incarnation_;
  return heartbeat.your_incarnation == own_incarnation_ &&
         (is_accepted || heartbeat.your_sequence > met_at_sequence_);
}

Peer::Judgement Peer::judge(size_t path, const Heartbeat& heartbeat, uint64_t own_sequence,
                            TimePoint now) {
  Judgement judgement;
  judgement.refusal = refuse(path, heartbeat);
  if (judgement.refusal) {
    const bool may_answer = !answered_at_ || now >= *answered_at_ + kAnswerPause;
    if (judgement.refusal == Refusal::unknown_incarnation && may_answer) {
      answered_at_ = now;
      judgement.wants_answer = true;
    }
    return judgement;
  }
  if (heartbeat.my_incarnation != incarnation_) {
    adopt_incarnation(heartbeat.my_incarnation, own_sequence);
    judgement.is_new_process = true;
  }
  Path& by = paths_[path];
  by.heard += 1;
  by.lost += by.sequence == 0 ? 0 : heartbeat.sequence - by.sequence - 1;
  by.sequence = heartbeat.sequence;
  by.heard_at = now;
  // The copy that came by the other path, or a late one, shows that the path works and no more.
  if (heartbeat.sequence <= newest_ || (heard_at_ && last_.goodbye)) {
    return judgement;
  }
  newest_ = heartbeat.sequence;
  last_ = heartbeat;
  heard_at_ = now;
  judgement.is_news = true;
  return judgement;
}

void Peer::believe(size_t path, const Heartbeat& heartbeat, TimePoint now) {
  paths_[path].heard += 1;
  paths_[path].heard_at = now;
  last_ = heartbeat;
  heard_at_ = now;
}

void Peer::adopt_incarnation(uint64_t incarnation, uint64_t own_sequence) {
  incarnation_ = incarnation;
  met_at_sequence_ = own_sequence;
  newest_ = 0;
  heard_at_.reset();
  for (Path& path : paths_) {
    path.sequence = 0;
  }
}

void Peer::listen_from(TimePoint now) {
  listening_since_ = now;
  heard_at_.reset();
}

bool Peer::is_alive(TimePoint now, Duration deadtime) const {
  return heard_at_ && !last_.goodbye && now < *heard_at_ + deadtime;
}

TimePoint Peer::silent_since() const {
  return heard_at_ ? std::max(*heard_at_, listening_since_) : listening_since_;
}

std::vector<size_t> Peer::refresh_paths(TimePoint now, Duration deadtime) {
  std::vector<size_t> changed;
  for (size_t i = 0; i < paths_.size(); ++i) {
    const bool alive = paths_[i].heard_at && now < *paths_[i].heard_at + deadtime;
    if (alive != paths_[i].alive) {
      paths_[i].alive = alive;
      changed.push_back(i);
    }
  }
  return changed;
}

}  // namespace lvs::pulse
