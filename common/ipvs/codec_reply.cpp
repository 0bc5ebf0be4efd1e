#include <linux/ip_vs.h>

#include <cstring>

#include "common/ipvs/codec.h"
#include "common/ipvs/objects.h"

namespace lvs::ipvs {
namespace {

constexpr size_t kRoom =
    1024;  // The longest object: a service with both kinds of counters, about 500 bytes.
constexpr size_t kErrorTextBytesMax = 200;
constexpr size_t kHeaders = NLMSG_HDRLEN + GENL_HDRLEN;

std::optional<nlmsghdr> head_of(ByteView message) {
  nlmsghdr head;
  if (message.size() < sizeof head) {
    return std::nullopt;
  }
  std::memcpy(&head, message.data(), sizeof head);
  if (head.nlmsg_len < sizeof head || head.nlmsg_len > message.size()) {
    return std::nullopt;
  }
  return head;
}

bool asks_for_dump(const nlmsghdr& head) {
  return (head.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
}

// Fills datagrams with messages, each as full as the limit allows.
class Datagrams {
 public:
  void add(const Bytes& message) {
    const size_t padded = NLMSG_ALIGN(message.size());
    if (all_.empty() || all_.back().size() + padded > kReplyDatagramBytesMax) {
      all_.emplace_back();
    }
    Bytes& last = all_.back();
    last.insert(last.end(), message.begin(), message.end());
    last.resize(NLMSG_ALIGN(last.size()));
  }
  std::vector<Bytes> take() && { return std::move(all_); }

 private:
  std::vector<Bytes> all_;
};

// One overload an alternative of Reply: its objects as messages.
struct Encoder {
  MessageHead head;
  Datagrams& out;

  Message message(uint8_t command) const { return Message(head, command, kRoom); }

  template <typename T, typename Put>
  void each(uint8_t command, const std::vector<T>& objects, Put put) const {
    for (const T& object : objects) {
      Message m = message(command);
      put(m, object);
      out.add(m.bytes());
    }
  }

  void operator()(const Ack&) const {}
  void operator()(const std::vector<ServiceStatus>& services) const {
    each(IPVS_CMD_NEW_SERVICE, services, put_service_status);
  }
  void operator()(const std::vector<DestStatus>& dests) const {
    each(IPVS_CMD_NEW_DEST, dests, put_dest_status);
  }
  void operator()(const std::vector<SyncDaemon>& daemons) const {
    each(IPVS_CMD_NEW_DAEMON, daemons,
         [](Message& m, const SyncDaemon& d) { put_daemon(m, d, Side::reply); });
  }
  void operator()(const Timeouts& timeouts) const {
    Message m = message(IPVS_CMD_SET_CONFIG);
    m.put_u32(IPVS_CMD_ATTR_TIMEOUT_TCP, timeouts.tcp);
    m.put_u32(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, timeouts.tcp_fin);
    m.put_u32(IPVS_CMD_ATTR_TIMEOUT_UDP, timeouts.udp);
    out.add(m.bytes());
  }
  void operator()(const Info& info) const {
    Message m = message(IPVS_CMD_SET_INFO);
    m.put_u32(IPVS_INFO_ATTR_VERSION, info.version);
    m.put_u32(IPVS_INFO_ATTR_CONN_TAB_SIZE, info.connection_table_size);
    out.add(m.bytes());
  }
  void operator()(const std::vector<Connection>& connections) const {
    each(kCmdNewConnection, connections, put_connection);
  }
  void operator()(const Killed& killed) const {
    Message m = message(kCmdSetKilled);
    m.put_u32(kAttrKilled, killed.connections);
    if (killed.next != 0) {
      m.put_u64(kAttrKillFrom, killed.next);
    }
    out.add(m.bytes());
  }
  void operator()(const std::vector<DropCounter>& drops) const {
    each(kCmdNewDrop, drops, [](Message& m, const DropCounter& drop) {
      m.put_string(kAttrDropReason, drop.reason);
      m.put_u64(kAttrDropPackets, drop.packets);
    });
  }
  void operator()(const std::vector<SettingStatus>& settings) const {
    each(kCmdNewSetting, settings, [](Message& m, const SettingStatus& setting) {
      m.put_string(kAttrSettingName, setting.name);
      m.put_u32(kAttrSettingValue, setting.value);
    });
  }
  void operator()(const std::vector<DeniedPrefix>& denied) const {
    each(kCmdNewDenied, denied, [](Message& m, const DeniedPrefix& one) {
      put_prefix(m, one.prefix);
      m.put_u64(kAttrDeniedPackets, one.packets);
    });
  }
};

// As the kernel: an error carries the whole request back, an acknowledgement its header only. The
// text travels as the kernel's extended acknowledgements do.
Bytes encode_error(const nlmsghdr& request, ByteView request_message, const Error& error) {
  const int code = error.code == 0 ? -EIO : -error.code;
  const uint16_t flags = error.what.empty() ? 0 : NLM_F_ACK_TLVS;
  Message m(
      {.type = NLMSG_ERROR, .flags = flags, .seq = request.nlmsg_seq, .port = request.nlmsg_pid},
      sizeof code + request_message.size() + kErrorTextBytesMax + 64);
  Bytes payload(sizeof code);
  std::memcpy(payload.data(), &code, sizeof code);
  payload.insert(payload.end(), request_message.begin(), request_message.end());
  m.append(payload.data(), payload.size());
  if (!error.what.empty()) {
    m.put_string(NLMSGERR_ATTR_MSG, error.what.substr(0, kErrorTextBytesMax));
  }
  return m.bytes();
}

Bytes encode_ack(const nlmsghdr& request) {
  Message m({.type = NLMSG_ERROR,
             .flags = NLM_F_CAPPED,
             .seq = request.nlmsg_seq,
             .port = request.nlmsg_pid},
            sizeof(int) + sizeof request);
  nlmsgerr ack{.error = 0, .msg = request};
  m.append(&ack, sizeof ack);
  return m.bytes();
}

Bytes encode_done(const nlmsghdr& request) {
  Message m({.type = NLMSG_DONE,
             .flags = NLM_F_MULTI,
             .seq = request.nlmsg_seq,
             .port = request.nlmsg_pid},
            sizeof(int));
  const int status = 0;
  m.append(&status, sizeof status);
  return m.bytes();
}

// What a complete answer to a request holds, still empty; `objects` is how many make it complete.
struct Expected {
  Reply reply;
  size_t objects = 0;
  bool is_dump = false;
};

struct Expectation {
  template <typename R>
  Expected operator()(const R&) const {
    return {Ack{}, 0, false};
  }
  Expected operator()(const GetService&) const { return {std::vector<ServiceStatus>{}, 1, false}; }
  Expected operator()(const GetServices&) const { return {std::vector<ServiceStatus>{}, 0, true}; }
  Expected operator()(const GetDests&) const { return {std::vector<DestStatus>{}, 0, true}; }
  Expected operator()(const GetDaemons&) const { return {std::vector<SyncDaemon>{}, 0, true}; }
  Expected operator()(const GetConfig&) const { return {Timeouts{}, 1, false}; }
  Expected operator()(const GetInfo&) const { return {Info{}, 1, false}; }
  Expected operator()(const GetConnections&) const { return {std::vector<Connection>{}, 0, true}; }
  Expected operator()(const KillConnections&) const { return {Killed{}, 1, false}; }
  Expected operator()(const GetDrops&) const { return {std::vector<DropCounter>{}, 0, true}; }
  Expected operator()(const GetSettings&) const { return {std::vector<SettingStatus>{}, 0, true}; }
  Expected operator()(const GetDenied&) const { return {std::vector<DeniedPrefix>{}, 0, true}; }
};

template <typename T>
Result<Ok> append(std::vector<T>& objects, Result<T> object) {
  if (!object) {
    return Error{EBADMSG, object.error().what};
  }
  objects.push_back(std::move(object).value());
  return Ok{};
}

Error unexpected(uint8_t command) {
  return {EBADMSG, "unexpected command " + std::to_string(command) + " in an answer"};
}

// One overload an alternative of Reply: takes one object into it.
struct Collector {
  uint8_t command;
  Family service_family;
  const Attributes& top;

  Result<Ok> operator()(Ack&) const { return unexpected(command); }
  Result<Ok> operator()(std::vector<ServiceStatus>& services) const {
    return command == IPVS_CMD_NEW_SERVICE ? append(services, service_status(top))
                                           : unexpected(command);
  }
  Result<Ok> operator()(std::vector<DestStatus>& dests) const {
    return command == IPVS_CMD_NEW_DEST ? append(dests, dest_status(top, service_family))
                                        : unexpected(command);
  }
  Result<Ok> operator()(std::vector<SyncDaemon>& daemons) const {
    return command == IPVS_CMD_NEW_DAEMON ? append(daemons, daemon(top)) : unexpected(command);
  }
  Result<Ok> operator()(Timeouts& timeouts) const {
    if (command != IPVS_CMD_SET_CONFIG) {
      return unexpected(command);
    }
    timeouts = {top.u32(IPVS_CMD_ATTR_TIMEOUT_TCP), top.u32(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN),
                top.u32(IPVS_CMD_ATTR_TIMEOUT_UDP)};
    return Ok{};
  }
  Result<Ok> operator()(Info& info) const {
    if (command != IPVS_CMD_SET_INFO) {
      return unexpected(command);
    }
    info = {top.u32(IPVS_INFO_ATTR_VERSION), top.u32(IPVS_INFO_ATTR_CONN_TAB_SIZE)};
    return Ok{};
  }
  Result<Ok> operator()(std::vector<Connection>& connections) const {
    return command == kCmdNewConnection ? append(connections, connection(top))
                                        : unexpected(command);
  }
  Result<Ok> operator()(Killed& killed) const {
    if (command != kCmdSetKilled) {
      return unexpected(command);
    }
    killed = {top.u32(kAttrKilled), top.u64(kAttrKillFrom)};
    return Ok{};
  }
  Result<Ok> operator()(std::vector<DropCounter>& drops) const {
    if (command != kCmdNewDrop || !top.has(kAttrDropReason)) {
      return unexpected(command);
    }
    drops.push_back({top.string(kAttrDropReason), top.u64(kAttrDropPackets)});
    return Ok{};
  }
  Result<Ok> operator()(std::vector<SettingStatus>& settings) const {
    if (command != kCmdNewSetting || !top.has(kAttrSettingName)) {
      return unexpected(command);
    }
    settings.push_back({top.string(kAttrSettingName), top.u32(kAttrSettingValue)});
    return Ok{};
  }
  Result<Ok> operator()(std::vector<DeniedPrefix>& denied) const {
    const auto given = prefix(top);
    if (command != kCmdNewDenied || !given) {
      return unexpected(command);
    }
    denied.push_back({*given, top.u64(kAttrDeniedPackets)});
    return Ok{};
  }
};

// INFO's attributes have the numbers of SERVICE and DEST on the top level.
const Attributes::Policy& policy_of(const Reply& reply) {
  static const Attributes::Policy kInfoPolicy = [] {
    Attributes::Policy p{};
    p[IPVS_INFO_ATTR_VERSION] = p[IPVS_INFO_ATTR_CONN_TAB_SIZE] = {NLA_U32, 0, 0};
    return p;
  }();
  return std::holds_alternative<Info>(reply) ? kInfoPolicy : kCommandPolicy;
}

// The sentence behind the echoed request of an error, when there is one.
std::string error_text(const nlmsghdr& head, ByteView message) {
  static const Attributes::Policy kAnything{};
  nlmsghdr echoed;
  size_t start = NLMSG_HDRLEN + sizeof(int);
  if ((head.nlmsg_flags & NLM_F_ACK_TLVS) == 0 || head.nlmsg_len < start + sizeof echoed) {
    return {};
  }
  std::memcpy(&echoed, message.data() + start, sizeof echoed);
  const bool is_capped = (head.nlmsg_flags & NLM_F_CAPPED) != 0;
  start += NLMSG_ALIGN(is_capped ? sizeof echoed : size_t{echoed.nlmsg_len});
  if (start > head.nlmsg_len) {
    return {};
  }
  const auto attributes =
      Attributes::parse(message.data() + start, head.nlmsg_len - start, kAnything);
  return attributes ? attributes->string(NLMSGERR_ATTR_MSG) : std::string();
}

// The errno in an NLMSG_ERROR or NLMSG_DONE; 0 is success.
int errno_of(const nlmsghdr& head, ByteView message) {
  constexpr int kErrnoMax = 4095;
  int status = 0;
  if (head.nlmsg_len >= NLMSG_HDRLEN + sizeof status) {
    std::memcpy(&status, message.data() + NLMSG_HDRLEN, sizeof status);
  }
  return status > 0 || status < -kErrnoMax ? EBADMSG : -status;
}

}  // namespace

std::vector<Bytes> encode_reply(ByteView request_message, const Result<Reply>& reply) {
  const auto request = head_of(request_message);
  if (!request) {
    return {};
  }
  Datagrams out;
  if (!reply) {
    out.add(encode_error(*request, request_message.first(request->nlmsg_len), reply.error()));
    return std::move(out).take();
  }
  const bool is_dump = asks_for_dump(*request);
  const uint16_t flags = is_dump ? NLM_F_MULTI : 0;
  const MessageHead head{request->nlmsg_type, flags, request->nlmsg_seq, request->nlmsg_pid};
  std::visit(Encoder{head, out}, *reply);
  if (is_dump) {
    out.add(encode_done(*request));
  } else if ((request->nlmsg_flags & NLM_F_ACK) != 0) {
    out.add(encode_ack(*request));
  }
  return std::move(out).take();
}

std::vector<Bytes> answer(ByteView datagram, const Handler& handler) {
  std::vector<Bytes> all;
  while (const auto head = head_of(datagram)) {
    const ByteView message = datagram.first(head->nlmsg_len);
    if ((head->nlmsg_flags & NLM_F_REQUEST) != 0 && head->nlmsg_type >= NLMSG_MIN_TYPE) {
      const auto request = head->nlmsg_type == kEmbeddedFamily
                               ? decode_request(message)
                               : Error{ENOENT, "family " + std::to_string(head->nlmsg_type)};
      const auto reply = request ? handler(*request) : request.error();
      std::vector<Bytes> datagrams = encode_reply(message, reply);
      std::move(datagrams.begin(), datagrams.end(), std::back_inserter(all));
    }
    datagram = datagram.subspan(std::min<size_t>(NLMSG_ALIGN(head->nlmsg_len), datagram.size()));
  }
  return all;
}

ReplyDecoder::ReplyDecoder(const Request& request, uint32_t seq) : seq_(seq) {
  Expected expected = std::visit(Expectation{}, request);
  reply_ = std::move(expected.reply);
  objects_expected_ = expected.objects;
  is_dump_ = expected.is_dump;
  if (const auto* dests = std::get_if<GetDests>(&request)) {
    service_family_ = family_of(dests->service);
  }
}

Result<bool> ReplyDecoder::add(ByteView datagram) {
  const Bytes aligned(datagram.begin(), datagram.end());
  ByteView rest = aligned;
  while (const auto head = head_of(rest)) {
    if (head->nlmsg_seq == seq_) {  // Else a late answer to a request that was given up.
      auto complete = add_message(rest.first(head->nlmsg_len));
      if (!complete || *complete) {
        return complete;
      }
    }
    rest = rest.subspan(std::min<size_t>(NLMSG_ALIGN(head->nlmsg_len), rest.size()));
  }
  if (!rest.empty()) {
    return Error{EBADMSG, "truncated answer"};
  }
  return false;
}

Result<bool> ReplyDecoder::add_message(ByteView message) {
  const nlmsghdr head = *head_of(message);
  if (head.nlmsg_type == NLMSG_ERROR || head.nlmsg_type == NLMSG_DONE) {
    const int code = errno_of(head, message);
    if (code != 0) {
      const std::string text = error_text(head, message);
      return text.empty() ? os_error(code, "refused") : Error{code, text};
    }
    if (interrupted_ || (head.nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
      return Error{EAGAIN, "the table changed while it was read"};
    }
    return true;
  }
  if (head.nlmsg_type < NLMSG_MIN_TYPE) {
    return head.nlmsg_type == NLMSG_OVERRUN ? Result<bool>(Error{ENOBUFS, "answer lost"}) : false;
  }
  if (message.size() < kHeaders || ++objects_ > kReplyObjectsMax) {
    return Error{EBADMSG, "malformed or endless answer"};
  }
  interrupted_ = interrupted_ || (head.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
  const uint8_t command = message[NLMSG_HDRLEN];
  const auto top =
      Attributes::parse(message.data() + kHeaders, message.size() - kHeaders, policy_of(reply_));
  if (!top) {
    return Error{EBADMSG, "attribute of a wrong size in an answer"};
  }
  const auto taken = std::visit(Collector{command, service_family_, *top}, reply_);
  if (!taken) {
    return taken.error();
  }
  return false;
}

Result<Reply> ReplyDecoder::take() {
  if (!is_dump_ && objects_ != objects_expected_) {
    return Error{EBADMSG, "an answer with " + std::to_string(objects_) + " objects"};
  }
  return std::move(reply_);
}

Result<Reply> decode_reply(const Request& request, uint32_t seq, std::span<const Bytes> datagrams) {
  ReplyDecoder decoder(request, seq);
  for (const Bytes& datagram : datagrams) {
    const auto complete = decoder.add(datagram);
    if (!complete) {
      return complete.error();
    }
    if (*complete) {
      return decoder.take();
    }
  }
  return Error{EBADMSG, "answer without an end"};
}

}  // namespace lvs::ipvs
