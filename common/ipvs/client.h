// Asks a core and waits for its answer. Which core is the transport's matter: the kernel's ip_vs
// behind netlink, the embedded one behind a unix socket, or one in this process.
#pragma once

#include <deque>
#include <memory>

#include "common/ipvs/codec.h"

namespace lvs::ipvs {

class Transport {
 public:
  virtual ~Transport() = default;
  virtual uint16_t family() const = 0;
  virtual Result<Ok> send(ByteView request) = 0;
  virtual Result<Bytes> receive() = 0;  // The next datagram; waits for a bounded time.
};

class Client {
 public:
  explicit Client(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}
  // Errors carry the core's errno and name the request.
  Result<Reply> call(const Request& request);

 private:
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
