#include "lvsd/core/io/chain_keeper.h"

#include <algorithm>
#include <utility>

namespace lvs::core {

using namespace std::chrono_literals;

namespace {

constexpr Duration kRetryFirst = 100ms;
constexpr Duration kRetryMax = 10s;

}  // namespace

ChainKeeper::ChainKeeper(boost::asio::io_context& io, const Table& table,
                         std::function<void(const LogEvent&)> log, std::function<void()> committed)
    : table_(table),
      log_(std::move(log)),
      committed_(std::move(committed)),
      backoff_(kRetryFirst, kRetryMax),
      retry_(io) {
}

Result<Ok> ChainKeeper::run(const std::string& script) {
  auto ok = nft_.run(script);
  if (ok) {
    committed_();
  }
  return ok;
}

// True: what stands catches, or not, as `mode` says, and is as before otherwise.
bool ChainKeeper::arm(ChainMode mode, const std::vector<int>& devices) {
  if (standing_ != mode.tracking || mode_.catches == mode.catches || devices != devices_ ||
      !error_.empty() || !run(arming_script(has_table6_, mode.catches, prerouting_))) {
    return false;
  }
  mode_.catches = mode.catches;
  return true;
}

Result<Ok> ChainKeeper::write(ChainMode mode, std::vector<int> devices) {
  if (arm(mode, devices)) {
    return Ok{};
  }
  standing_.reset();
  mode_ = mode;
  devices_ = std::move(devices);
  caught_ = {};
  sources_ = {};
  for (const auto& [key, entry] : table_.services()) {
    caught_.insert(key);
    (void)sources_.follow(key, &entry);
  }
  const Caught all{{caught_.begin(), caught_.end()}, sources_.all(), devices_};
  auto ok = replace(all);
  if (!ok && mode_.tracking.is_there) {  // It may track, and not let nftables ask about it.
    mode_.tracking.is_there = false;
    ok = replace(all);
  }
  if (ok) {
    has_table6_ = all.has_ipv6();
    ok = hook_in();
  }
  if (ok) {
    standing_ = mode.tracking;
  }
  note(ok);
  return ok;
}

Result<Ok> ChainKeeper::replace(const Caught& all) {
  const auto script = chain_script(all, mode_.tracking);
  if (run(script)) {
    return Ok{};
  }
  const std::string removal6 = all.has_ipv6() ? chain_removal(Family::v6) : "";
  return run(chain_removal(Family::v4) + removal6 + script);
}

Result<Ok> ChainKeeper::hook_in() {
  constexpr Prerouting kWays[] = {{true, true}, {false, true}, {true, false}, {false, false}};
  const Prerouting before = std::exchange(prerouting_, {false, false});
  std::string why;
  Result<Ok> ok = Ok{};
  for (const Prerouting& way : kWays) {
    ok = run(arming_script(has_table6_, mode_.catches, way));
    if (ok) {
      prerouting_ = way;
      break;
    }
    why = why.empty() ? ok.error().what : why;
  }
  if (before.defragments && !prerouting_.defragments) {
    log_({Level::warning, "core-takes-no-fragments", "", {{"error", why}}});
  }
  if (before.untracks && !prerouting_.untracks) {
    log_({Level::warning, "core-chooses-no-tracking", "", {{"error", why}}});
  }
  return ok;
}

void ChainKeeper::note(const Result<Ok>& written) {
  retry_.cancel();
  if (written) {
    if (!error_.empty()) {
      log_({Level::notice, "core-chain-stands", "", {}});
    }
    error_.clear();
    backoff_.reset();
    return;
  }
  if (error_ != written.error().what) {
    error_ = written.error().what;
    log_({Level::error, "core-chain-failed", "", {{"error", error_}}});
  }
  retry_.expires_after(backoff_.failed());
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {
      (void)write(mode_, devices_);
    }
  });
}

void ChainKeeper::set_devices(std::vector<int> devices) {
  if (devices == devices_) {
    return;
  }
  devices_ = std::move(devices);
  const bool is_retried = !error_.empty();  // Then with these.
  if (!is_retried && !run(devices_script(devices_, has_table6_))) {
    (void)write(mode_, devices_);
  }
}

void ChainKeeper::follow(const Change& change) {
  Caught added;
  Caught gone;
  if (const auto* put = std::get_if<PutService>(&change)) {
    if (caught_.insert(put->key).second) {
      added.services.push_back(put->key);
    }
    follow_sources(put->key, added, gone);
  } else if (const auto* dropped = std::get_if<DropServices>(&change)) {
    std::copy_if(dropped->keys.begin(), dropped->keys.end(), std::back_inserter(gone.services),
                 [this](const auto& key) { return caught_.erase(key) != 0; });
    for (const auto& key : dropped->keys) {
      follow_sources(key, added, gone);
    }
  } else if (const auto* server = std::get_if<PutServer>(&change)) {
    follow_sources(server->service, added, gone);
  } else if (const auto* lost = std::get_if<DropServer>(&change)) {
    follow_sources(lost->service, added, gone);
  }
  const bool is_retried = !error_.empty();  // Then with this change.
  const auto script = chain_change(added, gone);
  if (is_retried || script.empty()) {
    return;
  }
  const bool is_first6 = added.has_ipv6() && !has_table6_;
  if (is_first6 || !run(script)) {
    (void)write(mode_, devices_);
  }
}

void ChainKeeper::follow_sources(const ipvs::ServiceKey& key, Caught& added, Caught& gone) {
  auto change = sources_.follow(key, table_.find(key));
  added.sources.insert(added.sources.end(), change.added.begin(), change.added.end());
  gone.sources.insert(gone.sources.end(), change.gone.begin(), change.gone.end());
}

}  // namespace lvs::core
