// Makes the IPVS table of this network namespace hold the own entry of a nanny started by hand: in
// the embedded core where one lives, else in the kernel's. What the core refuses is tried again
// after the interval.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/time.h"
#include "nanny/own_entry.h"

namespace lvs::nanny::io {

class TableKeeper {
 public:
  TableKeeper(boost::asio::io_context& io, OwnEntry entry, Duration retry_after)
      : entry_(std::move(entry)), retry_after_(retry_after), retry_(io) {}

  void server_is(Health health);
  bool remove_entry();  // False: it could not be removed; the log says why.

 private:
  bool apply();
  void apply_or_retry();

  OwnEntry entry_;
  Duration retry_after_;
  boost::asio::steady_timer retry_;
};

}  // namespace lvs::nanny::io
