// Tells when somebody changes what the core stands on: our nft table, links, addresses, routes,
// neighbours, TC filters, policies of IPsec. What the core did itself to the nft table is left out;
// of the rest it is told too, and finds nothing to do.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>

#include "common/result.h"
#include "lvsd/core/io/known_addresses.h"

namespace lvs::core {

struct Watched {
  std::function<void()> nft_table;  // Another process took something out of `table ip lvs`.
  std::function<void()>
      next_hops;  // A route, neighbour, address or link: remembered next hops are void.
  std::function<void()> attachments;  // A link, address, route, TC filter or forwarding switch:
                                      // what the core stands on may be gone.
  std::function<void()> policies;     // Of IPsec.
};

class Watch {
 public:
  static Result<Ok> start(boost::asio::io_context& io, Watched on, std::unique_ptr<Watch>& to);
  // `policies_fd` is -1 on a kernel that has none.
  Watch(boost::asio::io_context& io, Watched on, int nft_fd, int route_fd, int policies_fd);
  // The core has just committed a transaction on the nft table: one of the notices is its own.
  // (They name the author's pid as the kernel's first PID namespace counts, which in a container is
  // not the one that getpid() tells.)
  void expect_own_transaction() { ++own_transactions_; }

 private:
  void wait_nft();
  void wait_route();
  void wait_policies();
  void read_nft();
  void read_route();

  Watched on_;
  boost::asio::posix::stream_descriptor nft_;
  boost::asio::posix::stream_descriptor route_;
  boost::asio::posix::stream_descriptor policies_;
  KnownAddresses known_addresses_;
  bool is_ours_touched_ = false;
  unsigned own_transactions_ = 0;  // Committed, notice not read yet.
};

}  // namespace lvs::core
