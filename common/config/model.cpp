#include "common/config/model.h"

#include <algorithm>
#include <iterator>
#include <sstream>

#include "common/config/schema.h"
#include "common/config/text.h"

namespace lvs::config {

namespace {

constexpr uint16_t kWebPort = 80;

void add_distinct(std::vector<FloatingAddress>& list, const FloatingAddress& candidate) {
  const bool known = std::any_of(list.begin(), list.end(), [&](const FloatingAddress& f) {
    return f.address == candidate.address;
  });
  if (!known && !candidate.address.is_unspecified()) {
    list.push_back(candidate);
  }
}

template <typename B>
uint32_t place_of(std::string_view name, const std::vector<Key<B>>& keys) {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const auto& key) { return key.name == name; });
  return static_cast<uint32_t>(found - keys.begin());
}

uint32_t place_of(std::string_view name, SourceLines::In in) {
  switch (in) {
    case SourceLines::In::globals:
      return place_of(name, global_keys());
    case SourceLines::In::service:
      return place_of(name, service_keys());
    case SourceLines::In::server:
      return place_of(name, server_keys());
  }
  return 0;
}

std::string as_sent(const std::string& written) {
  return translate_escapes(unquoted(written));
}

}  // namespace

int SourceLines::of(std::string_view key) const {
  const uint32_t place = given.empty() ? 0 : place_of(key, in);
  const auto found =
      std::find_if(given.begin(), given.end(), [&](const Given& one) { return one.key == place; });
  return found == given.end() ? block : static_cast<int>(found->line);
}

bool SourceLines::has(std::string_view key) const {
  const uint32_t place = given.empty() ? 0 : place_of(key, in);
  return std::any_of(given.begin(), given.end(),
                     [=](const Given& one) { return one.key == place; });
}

bool SourceLines::refused(std::string_view key) const {
  const uint32_t place = given.empty() ? 0 : place_of(key, in);
  const auto holds = [&](uint32_t wanted) {
    return std::find_if(given.begin(), given.end(),
                        [=](const Given& one) { return one.key == wanted; });
  };
  const auto own = holds(place);
  return own != given.end() ? own->refused != 0 : holds(kAnyKey) != given.end();
}

const SourceLines::Name* SourceLines::name_of(std::string_view key) const {
  const uint32_t place = names.empty() ? 0 : place_of(key, in);
  const auto found =
      std::find_if(names.begin(), names.end(), [&](const Name& one) { return one.key == place; });
  return found == names.end() ? nullptr : &*found;
}

bool SourceLines::waits_for(std::string_view key) const {
  const Name* name = name_of(key);
  return name != nullptr && name->waits;
}

std::string SourceLines::with_names(std::string_view key, const std::string& value) const {
  if (name_of(key) == nullptr) {
    return value;
  }
  std::vector<std::string> words;
  std::istringstream printed(value);
  for (std::string word; printed >> word;) {
    words.push_back(word);
  }
  for (const Name& each : names) {
    if (each.key == place_of(key, in)) {
      words.resize(std::max(words.size(), each.word + 1));
      words[each.word] = each.name;
    }
  }
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

Check effective_check(const VirtualService& service) {
  if (service.check) {
    Check check = *service.check;
    if (auto* script = std::get_if<ScriptCheck>(&check)) {
      script->legacy = service.script_legacy;
      script->user = service.script_user;
    }
    return check;
  }
  if (const std::string program = unquoted(service.send_program); !program.empty()) {
    return ScriptCheck{program, as_sent(service.expect), service.script_legacy,
                       service.script_user};
  }
  const SendExpect exchange{as_sent(service.send), as_sent(service.expect), service.use_regex};
  if (!exchange.send.empty() || !exchange.expect.empty()) {
    return exchange;
  }
  if (service.protocol == ipvs::Protocol::sctp) {
    return NamedCheck{"sctp", {}};
  }
  if (service.port == kWebPort && service.protocol == ipvs::Protocol::tcp) {
    return SendExpect{"GET / HTTP/1.0\r\n\r\n", "HTTP", false};
  }
  return TcpConnect{};
}

Family family_of(const VirtualService& service) {
  if (service.address) {
    return service.address->address.family();
  }
  for (const auto& server : service.servers) {
    if (!server.address.is_unspecified()) {
      return server.address.family();
    }
  }
  return service.sorry_server ? service.sorry_server->family() : Family::v4;
}

bool is_checked(const VirtualService& service) {
  const auto* named = service.check ? std::get_if<NamedCheck>(&*service.check) : nullptr;
  return named == nullptr || named->kind != kNoCheck;
}

int effective_rise(const VirtualService& service) {
  if (service.rise) {
    return *service.rise;
  }
  const Duration pause = effective_interval(service);
  return pause > Duration{0} ? std::max(1, static_cast<int>(service.reentry / pause)) : 1;
}

Duration effective_interval(const VirtualService& service) {
  return service.interval.value_or(service.timeout);
}

ipvs::Forward effective_forward(const Globals& globals, const VirtualService& service,
                                const RealServer& server) {
  const auto written = server.forward.value_or(service.forward.value_or(globals.network));
  const bool keeps_port = service.fwmark != 0 || server.port == service.port;
  return server.address.is_loopback() && written == ipvs::Forward::masq && keeps_port
             ? ipvs::Forward::direct
             : written;
}

Duration heartbeat_interval(const Config& config) {
  return config.deadtime > 2 * config.keepalive ? config.keepalive : config.deadtime / 3;
}

std::vector<FloatingAddress> floating_addresses(const Config& config) {
  std::vector<FloatingAddress> list;
  for (const auto& service : config.virtuals) {
    if (service.in_use() && service.address) {
      add_distinct(list, *service.address);
    }
  }
  if (config.nat_router && config.network == ipvs::Forward::masq) {
    add_distinct(list, *config.nat_router);
    const auto router =
        std::ranges::find(list, config.nat_router->address, &FloatingAddress::address);
    if (router != list.end()) {
      std::rotate(list.begin(), router, router + 1);
    }
  }
  return list;
}

std::vector<Address> witnesses(const Globals& globals) {
  std::vector<Address> known;
  std::copy_if(globals.witness.begin(), globals.witness.end(), std::back_inserter(known),
               [](const Address& address) { return !address.is_unspecified(); });
  return known;
}

}  // namespace lvs::config
