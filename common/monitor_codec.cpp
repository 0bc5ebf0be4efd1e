#include "common/monitor_codec.h"

#include <boost/json.hpp>
#include <limits>
#include <set>

namespace lvs {
namespace {

namespace json = boost::json;

constexpr size_t kDepthMax = 5;  // Packet, check, list, pair; and one to spare.

json::string text_to_json(std::string_view bytes) {
  json::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out.push_back(c);
    } else {
      out.push_back(static_cast<char>(0xc0 | (byte >> 6)));
      out.push_back(static_cast<char>(0x80 | (byte & 0x3f)));
    }
  }
  return out;
}

// Valid UTF-8 is given (the parser has checked it). Nothing when a code point above U+00FF is in
// it.
std::optional<std::string> text_from_json(std::string_view utf8) {
  std::string out;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    if (lead < 0x80) {
      out.push_back(utf8[i]);
      continue;
    }
    if (lead > 0xc3) {
      return std::nullopt;
    }
    ++i;
    out.push_back(static_cast<char>(((lead & 0x03) << 6) | (utf8[i] & 0x3f)));
  }
  return out;
}

// Reads the fields of one object and remembers the first thing that was wrong, so that the readers
// below can be written as plain lists of fields. Values handed out after an error mean nothing;
// finish() tells.
class Fields {
 public:
  Fields(const json::value& value, std::string where) : where_(std::move(where)) {
    object_ = value.if_object();
    if (object_ == nullptr) {
      fail(EINVAL, where_ + ": expected an object");
    }
  }

  const json::value& get(std::string_view name) {
    static const json::value kNull;
    const json::value* value = object_ == nullptr ? nullptr : object_->if_contains(name);
    if (value == nullptr) {
      fail(EINVAL, path(name) + ": missing");
      return kNull;
    }
    seen_.emplace(name);
    return *value;
  }

  bool has(std::string_view name) const { return object_ != nullptr && object_->contains(name); }

  template <typename T>
  T number(std::string_view name, T min, T max) {
    const json::value& value = get(name);
    boost::system::error_code bad;
    const T n = value.is_number() && !value.is_double() ? value.to_number<T>(bad) : T{};
    if (!value.is_number() || value.is_double() || bad || n < min || n > max) {
      fail(EINVAL, path(name) + ": expected a whole number, " + std::to_string(min) + " to " +
                       std::to_string(max));
      return min;
    }
    return n;
  }

  Duration duration(std::string_view name, Duration min, Duration max) {
    return Duration{number<int64_t>(name, min.count(), max.count())};
  }

  bool boolean(std::string_view name) {
    const json::value& value = get(name);
    if (!value.is_bool()) {
      fail(EINVAL, path(name) + ": expected true or false");
      return false;
    }
    return value.get_bool();
  }

  std::string text(std::string_view name, size_t max = kMonitorTextMax) {
    return text_of(get(name), path(name), max);
  }

  std::string text_of(const json::value& value, const std::string& at, size_t max) {
    const json::string* held = value.if_string();
    const std::optional<std::string> bytes =
        held == nullptr ? std::nullopt : text_from_json(std::string_view(*held));
    if (!bytes) {
      fail(EINVAL, at + ": expected a text of code points up to U+00FF");
      return {};
    }
    if (bytes->size() > max) {
      fail(EMSGSIZE, at + ": longer than " + std::to_string(max) + " bytes");
    }
    return *bytes;
  }

  // A list of pairs, both halves read by `read(value, where)`.
  template <typename T, typename Read>
  std::vector<std::pair<T, T>> pairs(std::string_view name, Read read) {
    std::vector<std::pair<T, T>> out;
    const json::array* list = get(name).if_array();
    if (list == nullptr || list->size() > kMonitorListMax) {
      fail(EINVAL, path(name) + ": expected a list of at most " + std::to_string(kMonitorListMax));
      return out;
    }
    for (const json::value& item : *list) {
      const json::array* pair = item.if_array();
      if (pair == nullptr || pair->size() != 2) {
        fail(EINVAL, path(name) + ": expected pairs");
        return out;
      }
      out.emplace_back(read(pair->at(0), path(name)), read(pair->at(1), path(name)));
    }
    return out;
  }

  void fail(int code, std::string what) {
    if (!error_) {
      error_ = Error{code, std::move(what)};
    }
  }
  void adopt(const std::optional<Error>& error) {
    if (error) {
      fail(error->code, error->what);
    }
  }

  // The first error, or the name of a field that nobody asked for.
  std::optional<Error> finish() {
    if (!error_ && object_ != nullptr && object_->size() != seen_.size()) {
      for (const auto& field : *object_) {
        if (!seen_.contains(std::string_view(field.key()))) {
          fail(EINVAL, path(field.key()) + ": unknown field");
        }
      }
    }
    return error_;
  }

  std::string path(std::string_view name) const { return where_ + "." + std::string(name); }

 private:
  const json::object* object_ = nullptr;
  std::string where_;
  std::set<std::string, std::less<>> seen_;
  std::optional<Error> error_;
};

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

json::object check_to_json(const config::Check& check) {
  return std::visit(Overloaded{
                        [](const config::TcpConnect&) {
                          return json::object{{"kind", "tcp"}};
                        },
                        [](const config::SendExpect& c) {
                          return json::object{{"kind", "send-expect"},
                                              {"send", text_to_json(c.send)},
                                              {"expect", text_to_json(c.expect)},
                                              {"regex", c.is_regex}};
                        },
                        [](const config::HttpCheck& c) {
                          json::array status;
                          for (const auto& [first, last] : c.status) {
                            status.push_back(json::array{first, last});
                          }
                          return json::object{{"kind", "http"},
                                              {"tls", c.tls},
                                              {"path", text_to_json(c.path)},
                                              {"host", text_to_json(c.host)},
                                              {"method", text_to_json(c.method)},
                                              {"status", std::move(status)},
                                              {"body_regex", text_to_json(c.body_regex)},
                                              {"verify", c.verify}};
                        },
                        [](const config::ScriptCheck& c) {
                          return json::object{{"kind", "script"},
                                              {"command", text_to_json(c.command)},
                                              {"expect", text_to_json(c.expect)},
                                              {"legacy", c.legacy},
                                              {"user", text_to_json(c.user)}};
                        },
                        [](const config::NamedCheck& c) {
                          json::array options;
                          for (const auto& [key, value] : c.options) {
                            options.push_back(json::array{text_to_json(key), text_to_json(value)});
                          }
                          return json::object{{"kind", "named"},
                                              {"name", text_to_json(c.kind)},
                                              {"options", std::move(options)}};
                        },
                    },
                    check);
}

config::HttpCheck read_http(Fields& fields) {
  config::HttpCheck check;
  check.tls = fields.boolean("tls");
  check.path = fields.text("path");
  check.host = fields.text("host");
  check.method = fields.text("method");
  check.status = fields.pairs<int>("status", [&](const json::value& value, const std::string& at) {
    const int64_t* n = value.if_int64();
    if (n == nullptr || *n < 100 || *n > 999) {
      fields.fail(EINVAL, at + ": expected statuses, 100 to 999");
      return 0;
    }
    return static_cast<int>(*n);
  });
  check.body_regex = fields.text("body_regex");
  check.verify = fields.boolean("verify");
  return check;
}

config::NamedCheck read_named(Fields& fields) {
  config::NamedCheck check;
  check.kind = fields.text("name");
  check.options =
      fields.pairs<std::string>("options", [&](const json::value& value, const std::string& at) {
        return fields.text_of(value, at, kMonitorTextMax);
      });
  return check;
}

config::Check read_check(Fields& packet) {
  Fields fields(packet.get("check"), "check");
  config::Check check;
  const std::string kind = fields.text("kind");
  if (kind == "tcp") {
    check = config::TcpConnect{};
  } else if (kind == "send-expect") {
    check = config::SendExpect{fields.text("send"), fields.text("expect"), fields.boolean("regex")};
  } else if (kind == "http") {
    check = read_http(fields);
  } else if (kind == "script") {
    check = config::ScriptCheck{fields.text("command"), fields.text("expect"),
                                fields.boolean("legacy"), fields.text("user")};
  } else if (kind == "named") {
    check = read_named(fields);
  } else {
    fields.fail(EINVAL, "check.kind: expected tcp, send-expect, http, script or named");
  }
  packet.adopt(fields.finish());
  return check;
}

std::string protocol_word(ipvs::Protocol protocol) {
  switch (protocol) {
    case ipvs::Protocol::tcp:
      return "tcp";
    case ipvs::Protocol::udp:
      return "udp";
    case ipvs::Protocol::sctp:
      return "sctp";
  }
  return "";
}

Monitor read_monitor(Fields& fields) {
  Monitor monitor;
  const std::optional<Address> address = Address::parse(fields.text("address"));
  if (!address) {
    fields.fail(EINVAL, "packet.address: expected an IPv4 or IPv6 address");
  }
  monitor.target.address = address.value_or(Address{});
  monitor.target.port = fields.number<uint16_t>("port", 0, 65535);
  const std::string protocol = fields.text("protocol");
  bool known = false;
  for (const auto p : {ipvs::Protocol::tcp, ipvs::Protocol::udp, ipvs::Protocol::sctp}) {
    if (protocol == protocol_word(p)) {
      monitor.protocol = p;
      known = true;
    }
  }
  if (!known) {
    fields.fail(EINVAL, "packet.protocol: expected tcp, udp or sctp");
  }
  monitor.interval = fields.duration("interval_ns", kMonitorTimeMin, kMonitorTimeMax);
  monitor.timeout = fields.duration("timeout_ns", kMonitorTimeMin, kMonitorTimeMax);
  monitor.rise = fields.number<int>("rise", 1, kMonitorCountMax);
  monitor.fall = fields.number<int>("fall", 1, kMonitorCountMax);
  monitor.check = read_check(fields);
  return monitor;
}

Result<json::value> parse_packet(std::string_view packet) {
  if (packet.size() > kMonitorPacketMax) {
    return Error{EMSGSIZE, "packet longer than " + std::to_string(kMonitorPacketMax) + " bytes"};
  }
  json::parse_options options;
  options.max_depth = kDepthMax;
  boost::system::error_code bad;
  json::value value = json::parse(packet, bad, {}, options);
  if (bad) {
    return Error{EINVAL, "packet is not JSON: " + bad.message()};
  }
  return value;
}

constexpr uint64_t kNumberMax = std::numeric_limits<uint64_t>::max();

std::string health_word(Health health) {
  switch (health) {
    case Health::up:
      return "up";
    case Health::cut:
      return "cut";
    case Health::recovering:
      return "recovering";
    case Health::down:
      return "down";
    case Health::unknown:
      break;
  }
  return "unknown";
}

std::optional<Health> health_of(const std::string& word) {
  for (const auto health :
       {Health::unknown, Health::up, Health::down, Health::recovering, Health::cut}) {
    if (word == health_word(health)) {
      return health;
    }
  }
  return std::nullopt;
}

Verdict read_verdict(Fields& fields) {
  Verdict verdict;
  const std::optional<Health> health = health_of(fields.text("verdict"));
  if (!health) {
    fields.fail(EINVAL, "packet.verdict: expected unknown, up, down, recovering or cut");
  }
  verdict.health = health.value_or(Health::down);
  verdict.id = fields.number<MonitorId>("id", 0, kNumberMax);
  verdict.reason = fields.text("reason", kVerdictReasonMax);
  verdict.latency = fields.duration("latency_ns", Duration{0}, Duration::max());
  verdict.has_way = fields.boolean("has_way");
  verdict.could_check = fields.boolean("could_check");
  return verdict;
}

}  // namespace

std::string encode(const MonitorOrder& order) {
  if (const auto* removal = std::get_if<RemoveMonitor>(&order)) {
    return json::serialize(json::object{{"do", "remove"}, {"id", removal->id}});
  }
  if (const auto* ping = std::get_if<Ping>(&order)) {
    return json::serialize(json::object{{"do", "ping"}, {"number", ping->number}});
  }
  const auto& [id, monitor] = std::get<SetMonitor>(order);
  return json::serialize(json::object{{"do", "set"},
                                      {"id", id},
                                      {"address", to_string(monitor.target.address)},
                                      {"port", monitor.target.port},
                                      {"protocol", protocol_word(monitor.protocol)},
                                      {"interval_ns", monitor.interval.count()},
                                      {"timeout_ns", monitor.timeout.count()},
                                      {"rise", monitor.rise},
                                      {"fall", monitor.fall},
                                      {"check", check_to_json(monitor.check)}});
}

std::string encode(const MonitorAnswer& answer) {
  if (const auto* pong = std::get_if<Pong>(&answer)) {
    return json::serialize(json::object{{"pong", pong->number}});
  }
  const auto& verdict = std::get<Verdict>(answer);
  const std::string_view reason = std::string_view(verdict.reason).substr(0, kVerdictReasonMax);
  return json::serialize(json::object{{"verdict", health_word(verdict.health)},
                                      {"id", verdict.id},
                                      {"reason", text_to_json(reason)},
                                      {"latency_ns", verdict.latency.count()},
                                      {"has_way", verdict.has_way},
                                      {"could_check", verdict.could_check}});
}

Result<MonitorOrder> decode_monitor_order(std::string_view packet) {
  const Result<json::value> value = parse_packet(packet);
  if (!value) {
    return value.error();
  }
  Fields fields(*value, "packet");
  MonitorOrder order;
  const std::string verb = fields.text("do");
  const auto id = [&] { return fields.number<MonitorId>("id", 0, kNumberMax); };
  if (verb == "set") {
    const MonitorId set = id();
    order = SetMonitor{set, read_monitor(fields)};
  } else if (verb == "remove") {
    order = RemoveMonitor{id()};
  } else if (verb == "ping") {
    order = Ping{fields.number<uint64_t>("number", 0, kNumberMax)};
  } else {
    fields.fail(EINVAL, "packet.do: expected set, remove or ping");
  }
  if (const std::optional<Error> error = fields.finish()) {
    return *error;
  }
  return order;
}

Result<MonitorAnswer> decode_monitor_answer(std::string_view packet) {
  const Result<json::value> value = parse_packet(packet);
  if (!value) {
    return value.error();
  }
  Fields fields(*value, "packet");
  std::optional<Pong> pong;
  Verdict verdict;
  if (fields.has("pong")) {
    pong = Pong{fields.number<uint64_t>("pong", 0, kNumberMax)};
  } else {
    verdict = read_verdict(fields);
  }
  if (const std::optional<Error> error = fields.finish()) {
    return *error;
  }
  return pong ? MonitorAnswer(*pong) : MonitorAnswer(std::move(verdict));
}

}  // namespace lvs
