// The machine's devices and what happens to them and to their addresses: one rtnetlink socket that
// listens. Keeps a table of devices, so that nobody else has to ask the kernel for an index, a
// hardware address or the carrier. When the kernel dropped notices (our socket's queue was full),
// everything is read again and the differences reported.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/address.h"
#include "common/io/rtnetlink.h"
#include "common/result.h"
#include "pulse/wire.h"

namespace lvs::pulse {

struct Link {
  unsigned index = 0;
  std::string name;
  bool up = false;  // Administratively up, and carrier.
  bool is_ethernet = false;
  Mac mac{};
  bool operator==(const Link&) const = default;
};

class Links {
 public:
  struct Notices {
    std::function<void(const Link&)> link_changed;  // Also when it is gone: then it is not up.
    // `ours`: added by pulse.
    std::function<void(const Address&, unsigned device, bool ours)> address_gone;
    std::function<void(const Address&, bool ours)> address_came;
    std::function<void()> overrun;  // Notices were lost: look again at what matters to you.
  };

  static Result<std::unique_ptr<Links>> open(boost::asio::io_context& io, Notices notices);

  const Link* find(const std::string& device) const;
  const Link* find(unsigned index) const;
  // Addresses of this machine, with the device that holds each.
  Result<std::multimap<Address, std::string>> addresses();
  // Of a neighbour that is asked for its hardware address in vain: the kernel asks again only after
  // a second, and lets datagrams wait meanwhile. Without the entry it asks with the next datagram,
  // and what waited is gone.
  void forget_unresolved(const Address& neighbour, unsigned device);

 private:
  Links(boost::asio::io_context& io, io::UniqueFd fd, io::Rtnetlink netlink, Notices notices);
  void wait();
  void receive();
  void take(const nlmsghdr* message);
  void take_link(const nlmsghdr* message);
  void take_address(const nlmsghdr* message);
  Result<Ok> read_all();

  boost::asio::posix::stream_descriptor socket_;
  io::Rtnetlink netlink_;
  Notices notices_;
  std::map<unsigned, Link> links_;
  std::vector<char> buffer_;
};

}  // namespace lvs::pulse
