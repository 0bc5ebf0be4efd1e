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
  if (std::find(retired_.begin(), retired_.end(), heartbeat.my_incarnation) != retired_.end()) {
    return Refusal::replay;
  }
  if (heartbeat.your_incarnation != own_incarnation_) {
    return Refusal::unknown_incarnation;
  }
  if (heartbeat.my_incarnation == incarnation_ && heartbeat.sequence <= paths_[path].sequence) {
    return Refusal::replay;
  }
  return std::nullopt;
}

Peer::Judgement Peer::judge(size_t path, const Heartbeat& heartbeat, TimePoint now) {
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
    adopt_incarnation(heartbeat.my_incarnation);
    judgement.is_new_process = true;
  }
  paths_[path].sequence = heartbeat.sequence;
  paths_[path].heard_at = now;
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

void Peer::adopt_incarnation(uint64_t incarnation) {
  if (incarnation_ != 0) {
    retired_.push_back(incarnation_);
  }
  if (retired_.size() > kRetiredMax) {
    retired_.pop_front();
  }
  incarnation_ = incarnation;
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
