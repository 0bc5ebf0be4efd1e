// Asks the witnesses (usually the routers) whether they hear us: an echo request to each of them
// every second. One answer from any of them, not older than three seconds, is enough. Whether that
// matters is the director's decision.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/address.h"
#include "common/result.h"
#include "common/time.h"

namespace lvs::pulse {

constexpr Duration kWitnessPause = std::chrono::seconds{1};
constexpr Duration kWitnessFresh = std::chrono::seconds{3};

class Witnesses {
 public:
  using OnChange = std::function<void(bool answers)>;

  static Result<std::unique_ptr<Witnesses>> open(boost::asio::io_context& io, OnChange on_change);
  void ask(std::vector<Address> witnesses);  // From now on these; none: silence.
  // Names of the same witnesses have other addresses: the ones before are asked too, until one of
  // these answers.
  void ask_also(const std::vector<Address>& witnesses);

 private:
  Witnesses(boost::asio::io_context& io, OnChange on_change)
      : timer_(io), on_change_(std::move(on_change)) {}
  void tick();
  void send(const Address& witness);
  void listen(size_t socket);
  void receive(size_t socket);
  void heard(const Address& from);

  boost::asio::steady_timer timer_;
  OnChange on_change_;
  std::vector<boost::asio::posix::stream_descriptor> sockets_;  // IPv4, IPv6.
  std::vector<Address> witnesses_;
  std::vector<Address> next_;  // Of these, those that count alone once one of them answers.
  std::optional<TimePoint> answered_at_;  // At first: asked.
  std::optional<bool> told_;
  uint16_t sequence_ = 0;
};

}  // namespace lvs::pulse
