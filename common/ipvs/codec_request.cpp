#include <linux/ip_vs.h>

#include <cstring>

#include "common/ipvs/codec.h"
#include "common/ipvs/objects.h"

namespace lvs::ipvs {
namespace {

constexpr size_t kRoom =
    2048;  // The longest request: a service and a server with names of 255 bytes.
constexpr uint16_t kDo = NLM_F_REQUEST | NLM_F_ACK;
constexpr uint16_t kDump = NLM_F_REQUEST | NLM_F_DUMP;

// One overload a request: its command, its flags, its attributes.
struct Encoder {
  uint16_t family;
  uint32_t seq;

  Message message(uint8_t command, uint16_t flags = kDo) const {
    return Message({.type = family, .flags = flags, .seq = seq, .port = 0}, command, kRoom);
  }

  static void service_key_of(Message& m, const ServiceKey& key) {
    const Nest nest(m, nest_type(IPVS_CMD_ATTR_SERVICE, Side::request));
    put_service_key(m, key);
  }

  Bytes service(uint8_t command, const ServiceKey& key, const Service& s, uint32_t mask) const {
    Message m = message(command);
    {
      const Nest nest(m, nest_type(IPVS_CMD_ATTR_SERVICE, Side::request));
      put_service_key(m, key);
      put_service(m, s, s.flags, mask, family_of(key));
    }
    return m.bytes();
  }

  Bytes server(uint8_t command, const ServiceKey& key, const DestKey& server, const Dest* d) const {
    Message m = message(command);
    service_key_of(m, key);
    {
      const Nest nest(m, nest_type(IPVS_CMD_ATTR_DEST, Side::request));
      put_dest_key(m, server, Side::request);
      if (d != nullptr) {
        put_dest(m, *d);
      }
    }
    return m.bytes();
  }

  Bytes keyed(uint8_t command, const ServiceKey& key, uint16_t flags = kDo) const {
    Message m = message(command, flags);
    service_key_of(m, key);
    return m.bytes();
  }

  Bytes operator()(const NewService& r) const {
    return service(IPVS_CMD_NEW_SERVICE, r.key, r.service, ~0U);
  }
  Bytes operator()(const SetService& r) const {
    return service(IPVS_CMD_SET_SERVICE, r.key, r.service, r.flags_mask);
  }
  Bytes operator()(const DelService& r) const { return keyed(IPVS_CMD_DEL_SERVICE, r.key); }
  Bytes operator()(const GetService& r) const { return keyed(IPVS_CMD_GET_SERVICE, r.key); }
  Bytes operator()(const GetServices&) const {
    return message(IPVS_CMD_GET_SERVICE, kDump).bytes();
  }
  Bytes operator()(const NewDest& r) const {
    return server(IPVS_CMD_NEW_DEST, r.service, r.key, &r.dest);
  }
  Bytes operator()(const SetDest& r) const {
    return server(IPVS_CMD_SET_DEST, r.service, r.key, &r.dest);
  }
  Bytes operator()(const DelDest& r) const {
    return server(IPVS_CMD_DEL_DEST, r.service, r.key, nullptr);
  }
  Bytes operator()(const GetDests& r) const { return keyed(IPVS_CMD_GET_DEST, r.service, kDump); }
  Bytes operator()(const NewDaemon& r) const {
    Message m = message(IPVS_CMD_NEW_DAEMON);
    put_daemon(m, r.daemon, Side::request);
    return m.bytes();
  }
  Bytes operator()(const DelDaemon& r) const {
    Message m = message(IPVS_CMD_DEL_DAEMON);
    {
      const Nest nest(m, nest_type(IPVS_CMD_ATTR_DAEMON, Side::request));
      m.put_u32(IPVS_DAEMON_ATTR_STATE, static_cast<uint32_t>(r.role));
    }
    return m.bytes();
  }
  Bytes operator()(const GetDaemons&) const { return message(IPVS_CMD_GET_DAEMON, kDump).bytes(); }
  Bytes operator()(const SetConfig& r) const {
    Message m = message(IPVS_CMD_SET_CONFIG);
    m.put_u32(IPVS_CMD_ATTR_TIMEOUT_TCP, r.timeouts.tcp);
    m.put_u32(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, r.timeouts.tcp_fin);
    m.put_u32(IPVS_CMD_ATTR_TIMEOUT_UDP, r.timeouts.udp);
    return m.bytes();
  }
  Bytes operator()(const GetConfig&) const { return message(IPVS_CMD_GET_CONFIG).bytes(); }
  Bytes operator()(const GetInfo&) const { return message(IPVS_CMD_GET_INFO).bytes(); }
  Bytes operator()(const Zero& r) const {
    return r.key ? keyed(IPVS_CMD_ZERO, *r.key) : message(IPVS_CMD_ZERO).bytes();
  }
  Bytes operator()(const Flush&) const { return message(IPVS_CMD_FLUSH).bytes(); }
  Bytes operator()(const GetConnections&) const {
    return message(kCmdGetConnection, kDump).bytes();
  }
  Bytes operator()(const KillConnections& r) const {
    Message m = message(kCmdKillConnections);
    put_prefix(m, {r.prefix, r.length});
    if (r.from != 0) {
      m.put_u64(kAttrKillFrom, r.from);
    }
    return m.bytes();
  }
  Bytes operator()(const GetDrops&) const { return message(kCmdGetDrop, kDump).bytes(); }
  Bytes operator()(const SetSetting& r) const {
    Message m = message(kCmdSetSetting);
    m.put_string(kAttrSettingName, r.name);
    m.put_u32(kAttrSettingValue, r.value);
    return m.bytes();
  }
  Bytes operator()(const GetSettings&) const { return message(kCmdGetSetting, kDump).bytes(); }
  Bytes operator()(const GetDenied&) const { return message(kCmdGetDenied, kDump).bytes(); }
};

template <typename R>
Result<Request> with_service_key(const Attributes& top) {
  auto key = service_key(top);
  if (!key) {
    return key.error();
  }
  return Request{R{std::move(key).value()}};
}

Result<Request> new_service(const Attributes& top) {
  const auto key = service_key(top);
  if (!key) {
    return key.error();
  }
  auto update = service_update(top, family_of(*key));
  if (!update) {
    return update.error();
  }
  update->service.flags &= update->flags_mask;
  return Request{NewService{*key, std::move(update->service)}};
}

Result<Request> set_service(const Attributes& top) {
  const auto key = service_key(top);
  if (!key) {
    return key.error();
  }
  auto update = service_update(top, family_of(*key));
  if (!update) {
    return update.error();
  }
  return Request{SetService{*key, std::move(update->service), update->flags_mask}};
}

template <typename R>
Result<Request> with_dest(const Attributes& top) {
  const auto service = service_key(top);
  if (!service) {
    return service.error();
  }
  const auto given = dest(top);
  const auto key = dest_key(top, family_of(*service));
  if (!key) {
    return key.error();
  }
  if (!given) {
    return given.error();
  }
  if (key->address.family() != family_of(*service) && given->forward != Forward::tunnel) {
    return Error{EINVAL, "server and service of different families: only for tunnelling"};
  }
  return Request{R{*service, *key, *given}};
}

Result<Request> del_dest(const Attributes& top) {
  const auto service = service_key(top);
  if (!service) {
    return service.error();
  }
  const auto key = dest_key(top, family_of(*service));
  if (!key) {
    return key.error();
  }
  return Request{DelDest{*service, *key}};
}

Result<Request> new_daemon(const Attributes& top) {
  auto given = daemon(top);
  if (!given) {
    return given.error();
  }
  return Request{NewDaemon{std::move(given).value()}};
}

Result<Request> del_daemon(const Attributes& top) {
  const auto role = daemon_role(top);
  if (!role) {
    return role.error();
  }
  return Request{DelDaemon{*role}};
}

Result<Request> kill_connections(const Attributes& top) {
  const auto clients = prefix(top);
  if (!clients) {
    return Error{EINVAL, "PREFIX missing or malformed"};
  }
  return Request{KillConnections{clients->address, clients->length, top.u64(kAttrKillFrom)}};
}

Result<Request> decode_do(uint8_t command, const Attributes& top) {
  switch (command) {
    case IPVS_CMD_NEW_SERVICE:
      return new_service(top);
    case IPVS_CMD_SET_SERVICE:
      return set_service(top);
    case IPVS_CMD_DEL_SERVICE:
      return with_service_key<DelService>(top);
    case IPVS_CMD_GET_SERVICE:
      return with_service_key<GetService>(top);
    case IPVS_CMD_NEW_DEST:
      return with_dest<NewDest>(top);
    case IPVS_CMD_SET_DEST:
      return with_dest<SetDest>(top);
    case IPVS_CMD_DEL_DEST:
      return del_dest(top);
    case IPVS_CMD_NEW_DAEMON:
      return new_daemon(top);
    case IPVS_CMD_DEL_DAEMON:
      return del_daemon(top);
    case IPVS_CMD_SET_CONFIG:
      return Request{
          SetConfig{{top.u32(IPVS_CMD_ATTR_TIMEOUT_TCP), top.u32(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN),
                     top.u32(IPVS_CMD_ATTR_TIMEOUT_UDP)}}};
    case IPVS_CMD_GET_CONFIG:
      return Request{GetConfig{}};
    case IPVS_CMD_GET_INFO:
      return Request{GetInfo{}};
    case IPVS_CMD_ZERO:
      return top.has(IPVS_CMD_ATTR_SERVICE) ? with_service_key<Zero>(top) : Request{Zero{}};
    case IPVS_CMD_FLUSH:
      return Request{Flush{}};
    case kCmdKillConnections:
      return kill_connections(top);
    case kCmdSetSetting:
      if (!top.has(kAttrSettingName) || !top.has(kAttrSettingValue)) {
        return Error{EINVAL, "a setting without a name or a value"};
      }
      return Request{SetSetting{top.string(kAttrSettingName), top.u32(kAttrSettingValue)}};
    default:
      return Error{EOPNOTSUPP, "command " + std::to_string(command)};
  }
}

// A GET_DEST dump of a malformed service is empty in the kernel; here it is refused, which helps
// more.
Result<Request> decode_dump(uint8_t command, const Attributes& top) {
  switch (command) {
    case IPVS_CMD_GET_SERVICE:
      return Request{GetServices{}};
    case IPVS_CMD_GET_DEST:
      return with_service_key<GetDests>(top);
    case IPVS_CMD_GET_DAEMON:
      return Request{GetDaemons{}};
    case kCmdGetConnection:
      return Request{GetConnections{}};
    case kCmdGetDrop:
      return Request{GetDrops{}};
    case kCmdGetSetting:
      return Request{GetSettings{}};
    case kCmdGetDenied:
      return Request{GetDenied{}};
    default:
      return Error{EOPNOTSUPP, "dump of command " + std::to_string(command)};
  }
}

}  // namespace

Bytes encode_request(const Request& request, uint16_t family, uint32_t seq) {
  return std::visit(Encoder{family, seq}, request);
}

Result<Request> decode_request(ByteView message) {
  nlmsghdr head;
  genlmsghdr generic;
  if (message.size() < sizeof head + sizeof generic || message.size() > kRequestBytesMax) {
    return Error{EINVAL, "message of " + std::to_string(message.size()) + " bytes"};
  }
  const Bytes aligned(message.begin(), message.end());
  std::memcpy(&head, aligned.data(), sizeof head);
  std::memcpy(&generic, aligned.data() + sizeof head, sizeof generic);
  if (head.nlmsg_len < sizeof head + sizeof generic || head.nlmsg_len > message.size()) {
    return Error{EINVAL, "message shorter than its header says"};
  }
  const size_t start = sizeof head + sizeof generic;
  const auto top =
      Attributes::parse(aligned.data() + start, head.nlmsg_len - start, kCommandPolicy);
  if (!top) {
    return Error{ERANGE, "attribute of a wrong size"};
  }
  const bool is_dump = (head.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  return is_dump ? decode_dump(generic.cmd, *top) : decode_do(generic.cmd, *top);
}

}  // namespace lvs::ipvs
