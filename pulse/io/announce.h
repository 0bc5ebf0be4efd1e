// Says on the wire who holds a floating address, and hears who else claims one. Frames are built in
// pulse/frames; here is one packet socket to send them and one for each family to hear the answers.
// The kernel filters: only ARP replies and neighbour advertisements wake us, not every broadcast of
// the segment.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>

#include "common/io/unique_fd.h"
#include "common/result.h"
#include "pulse/frames.h"
#include "pulse/io/links.h"

namespace lvs::pulse {

class Announcer {
 public:
  using OnAnswer = std::function<void(const Neighbour&, unsigned device)>;

  static Result<std::unique_ptr<Announcer>> open(boost::asio::io_context& io, OnAnswer on_answer);

  Result<Ok> announce(const Address& address, const Link& link);
  Result<Ok> probe(const Address& address, const Link& link, const std::optional<Mac>& only);
  void hear();  // What waits, or much of it.

 private:
  Announcer(io::UniqueFd mouth, OnAnswer on_answer);
  Result<Ok> send(const Frame& frame, const Link& link);

  io::UniqueFd mouth_;
  OnAnswer on_answer_;
  std::vector<boost::asio::posix::stream_descriptor> ears_;
  void listen(size_t ear);
  void hear(size_t ear);
};

}  // namespace lvs::pulse
