// Requests and replies as the bytes of the kernel's generic-netlink family "IPVS", and back. Works
// on memory only: the same bytes go through a netlink socket to ip_vs or through a unix socket to
// the embedded core.
//
// Layout and errno follow net/netfilter/ipvs/ip_vs_ctl.c: attributes of one object in the kernel's
// order, addresses as the full 16-byte union (4 or 16 accepted), NETMASK in network order for IPv4
// and a prefix length for IPv6, FWMARK before address and port, STATS next to STATS64. Messages
// that the kernel would refuse before looking at its tables are refused here with the same errno;
// whatever needs the tables (ESRCH, ERANGE of a weight ...) is the core's to say.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "common/ipvs/request.h"
#include "common/result.h"

namespace lvs::ipvs {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;

// Executes one request: the embedded core itself, or a client that asks another.
using Handler = std::function<Result<Reply>(const Request&)>;

constexpr uint16_t kEmbeddedFamily =
    0x3ff;  // The family id of the embedded core: nobody needs to resolve it.
constexpr size_t kRequestBytesMax = 4096;  // One message of a request.
constexpr size_t kReplyDatagramBytesMax =
    32768;  // Dumps are cut into datagrams of at most this size.
constexpr size_t kReplyObjectsMax = 4'000'000;  // A client gives up on a dump longer than this.

Bytes encode_request(const Request& request, uint16_t family, uint32_t seq);
Result<Request> decode_request(ByteView message);

// The datagrams that answer `request_message`: objects (multi-part with NLMSG_DONE for a dump),
// then the acknowledgement if it was asked for; or one NLMSG_ERROR.
std::vector<Bytes> encode_reply(ByteView request_message, const Result<Reply>& reply);

// All messages of one datagram, each decoded, given to `handler` and answered.
std::vector<Bytes> answer(ByteView datagram, const Handler& handler);

// Collects the datagrams that answer one request.
class ReplyDecoder {
 public:
  ReplyDecoder(const Request& request, uint32_t seq);
  // True when the reply is complete; an Error with the core's errno when the request was refused.
  // EAGAIN: the dump is complete but was interrupted by a change: to be asked for again.
  Result<bool> add(ByteView datagram);
  Result<Reply> take();

 private:
  Result<bool> add_message(ByteView message);

  uint32_t seq_;
  Reply reply_;
  size_t objects_expected_ = 0;
  bool is_dump_ = false;
  bool interrupted_ = false;
  Family service_family_ = Family::v4;
  size_t objects_ = 0;
};

Result<Reply> decode_reply(const Request& request, uint32_t seq, std::span<const Bytes> datagrams);

}  // namespace lvs::ipvs
