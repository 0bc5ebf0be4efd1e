// Before a takeover by silence: is the peer really gone, or only the heartbeat paths? From half of
// `deadtime` on the floating addresses are asked for on their own segment. An answer from one of
// the peer's own hardware addresses means that its kernel holds the address now: stay passive while
// such answers are fresh. A dead peer's kernel stops answering when its lease ends, so the veto
// ends by itself. Anyone else who answers (a real server that should keep quiet, proxy ARP) is an
// alarm and no veto.
//
// The first question of a silence goes to everybody, which finds strangers; the later ones go to
// the peer's hardware addresses alone. Switches that answer for absent hosts (EVPN's ARP
// suppression) do so for broadcasts: what still comes was said by the peer itself.
//
// Its hardware addresses are those that it told, kept over reboots; and those that answer for its
// own addresses on the same segment, so that a first start without any heartbeat is not blind.
//
// An arbiter that adopts addresses asks too, and faster: where nobody answers several questions in
// a row, no peer holds what was found, and nothing speaks against announcing it.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "common/time.h"
#include "pulse/lease.h"
#include "pulse/wire.h"

namespace lvs::pulse {

inline constexpr size_t kProbedAddressesMax = 4;
inline constexpr int kAnswersForCertainty = 3;
// Longer than a busy machine, or a slow way to it, takes to answer.
inline constexpr Duration kAdoptionProbePause = std::chrono::milliseconds{200};

class SplitGuard {
 public:
  static Duration probe_pause(Duration deadtime) {
    return std::clamp<Duration>(deadtime / 16, std::chrono::milliseconds{1},
                                std::chrono::milliseconds{500});
  }
  // How long an answer counts: several probes may be lost in it.
  static Duration freshness(Duration deadtime) {
    return std::max<Duration>(
        3 * probe_pause(deadtime),
        std::min<Duration>(deadtime / 4, Lease::length(deadtime) + std::chrono::seconds{1}));
  }

  // `told`: by the peer itself. Learned ones come behind.
  std::vector<Mac> macs(const std::vector<Mac>& told) const {
    std::vector<Mac> all = told;
    std::copy_if(learned_.begin(), learned_.end(), std::back_inserter(all),
                 [&](const Mac& mac) { return std::count(told.begin(), told.end(), mac) == 0; });
    return all;
  }
  // Answered for one of the peer's own addresses.
  void learn(const Mac& mac, TimePoint now) {
    machine_answered_at_ = now;
    if (learned_.size() < kMacsMax && std::count(learned_.begin(), learned_.end(), mac) == 0) {
      learned_.push_back(mac);
    }
  }
  // One of the peer's hardware addresses answered for a floating address.
  void answered(TimePoint now) {
    answered_at_ = now;
    if (!is_answered_) {
      is_answered_ = true;
      ++answers_in_row_;
    }
  }

  std::optional<TimePoint> veto_until(Duration deadtime) const {
    return answered_at_ ? std::optional{*answered_at_ + freshness(deadtime)} : std::nullopt;
  }
  // Its machine answers for its own addresses. That says nothing of its arbiter.
  std::optional<TimePoint> machine_lives_until(Duration deadtime) const {
    return machine_answered_at_ ? std::optional{*machine_answered_at_ + deadtime} : std::nullopt;
  }
  // Not by chance, and not by an announcement that somebody repeats: each of the last questions was
  // answered.
  bool is_certain() const { return answers_in_row_ >= kAnswersForCertainty; }
  // None of the last questions was answered, and all had their time.
  bool is_unclaimed(TimePoint now, Duration deadtime) const {
    const auto next = next_adoption_probe(deadtime);
    return !is_answered_ && silences_in_row_ + 1 >= kAnswersForCertainty && next && now >= *next;
  }

  // The next probe, for a silence that began at `silent_since`.
  TimePoint next_probe(TimePoint silent_since, Duration deadtime) const {
    const TimePoint begin = silent_since + deadtime / 2;
    return probed_at_ ? std::max(begin, *probed_at_ + probe_pause(deadtime)) : begin;
  }
  // While addresses are adopted; nothing: at once.
  std::optional<TimePoint> next_adoption_probe(Duration deadtime) const {
    const Duration pause = std::min(kAdoptionProbePause, probe_pause(deadtime));
    return probed_at_ ? std::optional{*probed_at_ + pause} : std::nullopt;
  }
  bool is_first_of(TimePoint silent_since) const {
    return !probed_at_ || *probed_at_ < silent_since;
  }
  void probed(TimePoint now) {
    answers_in_row_ = is_answered_ ? answers_in_row_ : 0;
    silences_in_row_ = is_answered_ ? 0 : silences_in_row_ + 1;
    is_answered_ = false;
    probed_at_ = now;
  }
  // What was answered before a takeover tells nothing about a rival after it.
  void begin_again() {
    answers_in_row_ = 0;
    silences_in_row_ = 0;
    is_answered_ = true;  // Until the next question.
  }

 private:
  std::vector<Mac> learned_;
  std::optional<TimePoint> machine_answered_at_;
  std::optional<TimePoint> answered_at_;
  std::optional<TimePoint> probed_at_;
  bool is_answered_ = true;  // The last question; before the first there is none.
  int answers_in_row_ = 0;
  int silences_in_row_ = 0;
};

}  // namespace lvs::pulse
