// Asks a core and waits for its answer. Which core is the transport's matter: the kernel's ip_vs
// behind netlink, the embedded one behind a unix socket, or one in this process.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/ipvs/codec.h"

namespace lvs::ipvs {

constexpr int kDumpAttemptsMax = 5;

class Transport {
 public:
  virtual ~Transport() = default;
  virtual uint16_t family() const = 0;
  virtual Result<Ok> send(ByteView request) = 0;
  // The next datagram; waits for a bounded time. ENOBUFS: answers were lost, and whatever else was
  // still to be received has been thrown away.
  virtual Result<Bytes> receive() = 0;
};

class Client {
 public:
  explicit Client(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}
  // Errors carry the core's errno and name the request. A dump that was interrupted (EAGAIN) or
  // lost (ENOBUFS) is asked for again, up to kDumpAttemptsMax times.
  Result<Reply> call(const Request& request);

  // Changes, in order, a batch at a time; one that is refused stops no other. Of each request:
  // nothing when it was done, else why not. ENOBUFS: its answer was lost or, behind such a one, it
  // was never sent; only reading the table tells.
  std::vector<std::optional<Error>> write(std::span<const Request> requests);

 private:
  Result<Reply> ask(const Request& request);
  Result<std::vector<std::optional<Error>>> write_batch(std::span<const Request> requests);

  std::unique_ptr<Transport> transport_;
  uint32_t seq_ = 0;
};

// The core of this process, reached through the same bytes as one in another.
class InProcessTransport : public Transport {
 public:
  explicit InProcessTransport(Handler handler) : handler_(std::move(handler)) {}
  uint16_t family() const override { return kEmbeddedFamily; }
  Result<Ok> send(ByteView request) override;
  Result<Bytes> receive() override;

 private:
  Handler handler_;
  std::deque<Bytes> answers_;
};

}  // namespace lvs::ipvs
