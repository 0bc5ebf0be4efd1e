// The embedded IPVS core of this network namespace: an eBPF data plane behind the language of
// common/ipvs/request.h. Opening it takes over what an earlier process left attached (programs,
// maps, the table with its connections and counters) or starts empty. Destroying the object leaves
// forwarding in place; only remove() takes it away.
//
// What it keeps in the namespace: TC filters on the chosen devices and on ipvs0, the veth pair
// ipvs0/ipvs1, the nft table `ip lvs`. It watches them and puts back within 100 ms what somebody
// else takes away.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/ipvs/request.h"
#include "common/log.h"
#include "common/prefix.h"
#include "common/result.h"

namespace lvs::core {

using LogFn = std::function<void(const LogEvent&)>;

struct CoreOptions {
  // Devices to attach to. Empty: those that hold a VIP or route to a real server, followed as they
  // change.
  std::vector<std::string> interfaces;
  // Size of the connection table of a core that starts empty, and of its templates; one that is
  // taken over keeps its own. 0: by the machine's memory (pressure.h).
  uint32_t connections_max = 0;
};

struct CoreStatus {
  bool armed = false;
  bool adopted = false;                 // This process took over what it found.
  std::vector<std::string> interfaces;  // Devices that carry the program now.
  uint32_t connections = 0;             // Bound to real servers now, templates not counted.
  uint32_t templates = 0;
  uint32_t connections_max = 0;
  uint64_t repairs = 0;         // Times that something taken away was put back.
  std::string chain_error;      // Why the nft chain cannot be written, while it is tried again.
  bool takes_fragments = true;  // This kernel puts datagrams together for the core.
  // Of these, the ones where programs of others take packets before ours: served from ipvs0,
  // slower.
  std::vector<std::string> overtaken;
  bool copies_lost = false;  // OUTPUT rules take first packets away (copy_probe.h).
  bool encrypts = false;     // IPsec policies: the stack sends what is translated.
};

class Core {
 public:
  static Result<std::unique_ptr<Core>> open(boost::asio::io_context& io, CoreOptions options,
                                            LogFn log);
  // Takes programs, ipvs0 and the nft table out of this namespace; what others put there stays.
  static Result<Ok> remove();

  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // Executes one command as the kernel's ip_vs would; errors carry the kernel's errno.
  Result<ipvs::Reply> handle(const ipvs::Request& request);

  // Only an armed core schedules new connections. Known flows are forwarded all the same. A core
  // that was taken over stays as it was found, a new one is not armed.
  bool armed() const;
  Result<Ok> set_armed(bool armed);

  // Replaces CoreOptions::interfaces.
  Result<Ok> set_interfaces(std::vector<std::string> interfaces);

  // Clients whose packets to services are dropped: all of them. A core that was taken over keeps
  // its list until then. An error names what the kernel refused; the others are written.
  Result<Ok> set_denied(std::span<const Prefix> prefixes);

  CoreStatus status() const;

  // For measurements and packet tests: one frame through a program, without a device.
  int nic_ingress_fd() const;
  int ipvs0_egress_fd() const;
  int ipvs1_ingress_fd() const;

 private:
  class Impl;
  explicit Core(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lvs::core
