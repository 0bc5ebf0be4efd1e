// Our nftables tables in the kernel (chain.h has their text): written, changed with the core's
// table and with the devices that carry our program, and tried again for as long as they cannot be
// written.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/backoff.h"
#include "common/log.h"
#include "lvsd/core/chain.h"
#include "lvsd/core/io/nft.h"
#include "lvsd/core/reply_sources.h"
#include "lvsd/core/table.h"

namespace lvs::core {

// What is asked of the tables.
struct ChainMode {
  bool catches = false;  // The core is armed.
  Tracking tracking;
};

class ChainKeeper {
 public:
  // `committed` is called for each transaction of ours: whoever watches the tables tells it from
  // those of others.
  ChainKeeper(boost::asio::io_context& io, const Table& table,
              std::function<void(const LogEvent&)> log, std::function<void()> committed);

  // All anew, whatever is there; where only `catches` is another than before, that alone.
  // `devices`: those whose packets our program is the first to see.
  Result<Ok> write(ChainMode mode, std::vector<int> devices);
  // What this change of the table changes here, which mostly is nothing.
  void follow(const Change& change);
  void set_devices(std::vector<int> devices);

  // Why the chain does not stand; empty: it does.
  const std::string& error() const { return error_; }
  // This kernel puts fragments together for us.
  bool takes_fragments() const { return prerouting_.defragments; }

 private:
  Result<Ok> run(const std::string& script);
  bool arm(ChainMode mode, const std::vector<int>& devices);
  Result<Ok> replace(const Caught& all);
  Result<Ok> hook_in();
  void note(const Result<Ok>& written);
  void follow_sources(const ipvs::ServiceKey& key, Caught& added, Caught& gone);

  const Table& table_;
  std::function<void(const LogEvent&)> log_;
  std::function<void()> committed_;
  Nft nft_;
  std::optional<Tracking> standing_;   // What the rules that stand were asked for.
  ChainMode mode_;                     // What is asked for, as far as this kernel can.
  std::set<ipvs::ServiceKey> caught_;  // In the sets of the chain.
  ReplySources sources_;               // Likewise.
  std::vector<int> devices_;           // Likewise.
  bool has_table6_ = false;
  Prerouting prerouting_;  // As far as this kernel's nftables can.
  std::string error_;
  Backoff backoff_;
  boost::asio::steady_timer retry_;
};

}  // namespace lvs::core
