#include "tests/sim/servers/nanny_model.h"

#include <utility>

#include "common/monitor_codec.h"

namespace lvs::sim::servers {
namespace {

constexpr size_t kProbesMax = 1000;
constexpr Duration kQuick = std::chrono::milliseconds{1};

}  // namespace

NannyModel::NannyModel(Clockwork& clock, const Network& network, uint64_t seed, Watchers watchers)
    : clock_(clock),
      network_(network),
      rng_(seed),
      watchers_(std::move(watchers)),
      monitors_(kProbesMax, Rng{rng_.next()}, nanny::Announcer::lvsd) {
  for (size_t device = 0; device < kDevices; ++device) {
    ways_.device_is(Network::device_name(device), network_.devices[device], clock_.now());
  }
}

void NannyModel::later(TimePoint when, std::function<void()> what) {
  clock_.at(when, [weak = weak_from_this(), act = std::move(what)]() mutable {
    const auto self = weak.lock();
    if (!self || self->is_dead_) {
      return;
    }
    if (self->is_frozen_) {
      self->waits_.push_back(std::move(act));
      return;
    }
    act();
  });
}

void NannyModel::thaw() {
  is_frozen_ = false;
  while (!waits_.empty() && !is_dead_) {
    const auto act = std::move(waits_.front());
    waits_.pop_front();
    act();
  }
}

void NannyModel::order(const MonitorOrder& order) {
  orders_until_ = std::max(
      orders_until_, clock_.now() + Duration(static_cast<int64_t>(
                                        rng_.below(static_cast<uint64_t>(delay_max.count())))));
  later(orders_until_, [this, packet = encode(order)] { hear(packet); });
}

void NannyModel::hear(const std::string& packet) {
  if (is_deaf) {
    return;
  }
  const auto order = decode_monitor_order(packet);
  if (const auto* set = std::get_if<SetMonitor>(&*order)) {
    feed(*set);
  } else if (const auto* removal = std::get_if<RemoveMonitor>(&*order)) {
    feed(*removal);
  } else {
    say(Pong{std::get<Ping>(*order).number});
  }
}

void NannyModel::feed(const nanny::Event& event) {
  const auto step = monitors_.step(event, clock_.now());
  for (const auto& action : step.actions) {
    if (const auto* start = std::get_if<nanny::StartProbe>(&action)) {
      running_.insert(start->probe);
      probe(*start);
    } else if (const auto* cancel = std::get_if<nanny::CancelProbe>(&action)) {
      running_.erase(cancel->probe);
    } else if (const auto* report = std::get_if<nanny::Report>(&action)) {
      if (watchers_.on_report) {
        watchers_.on_report(report->verdict);
      }
      say(report->verdict);
    }
  }
  arm(step.wake_at);
}

void NannyModel::arm(std::optional<TimePoint> wake_at) {
  if (wake_at == wake_at_) {
    return;
  }
  wake_at_ = wake_at;
  ++wake_;
  if (wake_at) {
    later(*wake_at, [this, wake = wake_] {
      if (wake == wake_) {
        wake_at_.reset();
        feed(nanny::Timer{});
      }
    });
  }
}

void NannyModel::probe(const nanny::StartProbe& start) {
  const Address& server = start.monitor->target.address;
  const Duration limit = start.monitor->timeout;
  Duration takes = kQuick;
  nanny::ProbeResult result = nanny::works("answered");
  if (cannot_check) {
    result = {nanny::Outcome::undecided, "too many open files", ""};
  } else if (!network_.has_way(server) || network_.condition(server) == Condition::silent) {
    takes = limit;
    result = nanny::fails("connect: timed out");
  } else if (network_.condition(server) == Condition::refuses) {
    result = nanny::fails("connect: Connection refused");
  } else if (network_.condition(server) == Condition::slow) {
    takes = limit * 9 / 10;
  }
  later(clock_.now() + takes,
        [this, start, since = clock_.now(), result] { end_probe(start, since, result); });
}

void NannyModel::end_probe(const nanny::StartProbe& start, TimePoint since,
                           nanny::ProbeResult result) {
  if (!running_.contains(start.probe)) {
    return;  // Cancelled.
  }
  const Address& server = start.monitor->target.address;
  const TimePoint limit = since + start.monitor->timeout;
  const bool is_lost = result.outcome == nanny::Outcome::works && !network_.has_way(server);
  if (is_lost && clock_.now() < limit) {
    later(limit,
          [this, start, since] { end_probe(start, since, nanny::fails("connect: timed out")); });
    return;
  }
  running_.erase(start.probe);
  result = judge(server, since, is_lost ? nanny::fails("connect: timed out") : result);
  if (watchers_.on_checked) {
    watchers_.on_checked(start, result);
  }
  feed(nanny::ProbeDone{start.probe, result});
}

// As nanny's shell does it.
nanny::ProbeResult NannyModel::judge(const Address& server, TimePoint since,
                                     nanny::ProbeResult result) {
  const std::string device = Network::device_name(Network::device_of(server));
  if (result.outcome == nanny::Outcome::works) {
    if (ways_.should_learn(server)) {
      ways_.led(server, device);
    }
    return result;
  }
  if (result.outcome == nanny::Outcome::fails) {
    if (const auto lack = ways_.missing(server, Result<std::string>(device), since)) {
      ways_.is_to_lead(server, device);
      return lack->is_over ? nanny::ProbeResult{nanny::Outcome::undecided, lack->what, ""}
                           : nanny::cut(lack->what);
    }
  }
  return result;
}

void NannyModel::device_changed(size_t device) {
  later(clock_.now(), [this, device, works = network_.devices[device]] {
    ways_.device_is(Network::device_name(device), works, clock_.now());
    tell_ways();
  });
}

void NannyModel::tell_ways() {
  for (const auto& change : ways_.changes(clock_.now())) {
    feed(nanny::WayChanged{change.servers, change.works,
                           nanny::device_does_not_work(change.device, change.exists)});
  }
  if (const auto next = ways_.next_change()) {
    later(*next, [this] { tell_ways(); });
  }
}

void NannyModel::say(const MonitorAnswer& answer) {
  if (is_mute) {
    return;
  }
  answers_until_ = std::max(
      answers_until_, clock_.now() + Duration(static_cast<int64_t>(
                                         rng_.below(static_cast<uint64_t>(delay_max.count())))));
  clock_.at(answers_until_, [self = shared_from_this(), packet = encode(answer)] {
    if (self->watchers_.on_answer) {
      self->watchers_.on_answer(*decode_monitor_answer(packet));
    }
  });
}

}  // namespace lvs::sim::servers
