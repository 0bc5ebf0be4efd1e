#include "pulse/io/setup.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "common/heartbeat_key.h"
#include "common/io/read_file.h"
#include "common/io/resolve.h"
#include "common/io/unique_fd.h"

namespace lvs::pulse {
namespace {

using config::Config;
using OwnAddresses = std::multimap<Address, std::string>;

std::optional<Config> parse_text(const std::string& text, const std::string& file,
                                 const config::Resolver& resolve, SetupResult& result) {
  auto parsed = config::parse(text, file, resolve, config::Severity::warning);
  result.is_cut_short = !config::reason_to_keep_the_old(parsed.diagnostics).empty();
  for (const auto* found : {&parsed.diagnostics, &parsed.not_in_effect}) {
    for (const auto& diagnostic : *found) {
      result.complaints.push_back(to_string(diagnostic));
    }
  }
  return parsed.config;
}

std::optional<std::string> read_text(const std::string& file,
                                     std::vector<std::string>& complaints) {
  auto content = io::read_file(file, config::kMaxFileBytes);
  if (!content) {
    complaints.push_back(content.error().what);
    return std::nullopt;
  }
  return std::move(content).value();
}

Result<Ok> check_for_pulse(const Config& config, const std::string& file) {
  const auto is_active = [](const config::VirtualService& service) { return service.active; };
  if (config.service == config::ServiceMode::fos) {
    return Error{
        ENOTSUP,
        file + ": service = fos: failover services are not supported yet; use `service = lvs`"};
  }
  if (std::ranges::none_of(config.virtuals, is_active)) {
    return Error{ENOENT,
                 file + ": no active lvs services defined; set `active = 1` in a virtual block"};
  }
  if (!config.primary && !config.lines.waits_for("primary")) {
    return Error{EINVAL, file + ": primary: expected the primary director's address"};
  }
  return Ok{};
}

// "192.0.2.1", "director-a.example (192.0.2.1)", "director-a.example (no address yet)"
std::string told(const Config& config, const char* key, const std::optional<Address>& address) {
  const std::string text = address ? to_string(*address) : "no address yet";
  const auto* name = config.lines.name_of(key);
  return name == nullptr ? text : name->name + " (" + text + ")";
}

Result<Node> node_of_this_machine(const Config& config, const OwnAddresses& own) {
  const bool is_primary = config.primary && own.contains(*config.primary);
  const bool is_backup = config.backup && own.contains(*config.backup);
  if (is_primary && is_backup) {
    return Error{EINVAL, "this machine has both the primary's address " +
                             told(config, "primary", config.primary) + " and the backup's " +
                             told(config, "backup", config.backup)};
  }
  if (is_primary) {
    return Node::primary;
  }
  if (is_backup) {
    return Node::backup;
  }
  const bool has_backup = config.backup || config.lines.waits_for("backup");
  return Error{EADDRNOTAVAIL,
               "this machine is neither director: no device has the primary's address " +
                   told(config, "primary", config.primary) +
                   (has_backup ? " or the backup's " + told(config, "backup", config.backup) : "")};
}

std::vector<HeartbeatRoute> heartbeat_routes(const Config& config, Node node) {
  std::vector<HeartbeatRoute> routes;
  for (const HeartbeatPath& path : heartbeat_paths(config)) {
    const bool is_primary = node == Node::primary;
    routes.push_back({path.name, is_primary ? path.primary : path.backup,
                      is_primary ? path.backup : path.primary, config.heartbeat_port});
  }
  return routes;
}

Machine describe_machine(const Config& config, Node node, const std::vector<HeartbeatRoute>& routes,
                         const OwnAddresses& own, const Links& links) {
  Machine machine{node, {}, {}};
  for (const HeartbeatRoute& route : routes) {
    if (!route.own.address) {
      continue;
    }
    const auto [from, to] = own.equal_range(*route.own.address);
    for (auto each = from; each != to; ++each) {
      machine.heartbeat_devices.insert(each->second);
    }
  }
  machine.macs = own_macs(FloatingAddresses(config::floating_addresses(config)).devices(), links);
  return machine;
}

Result<Key> read_key(const std::string& path, bool of_next) {
  KeyFile file{path};
  const io::UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    file.error = errno;
    return Error{file.error, trouble_of(file, of_next)};
  }
  file.is_plain = S_ISREG(status.st_mode);
  file.owner = status.st_uid;
  file.mode = status.st_mode;
  Key key(kKeySizeMax + 1);
  const ssize_t size = ::read(fd.get(), key.data(), key.size());
  file.size = size < 0 ? 0 : static_cast<uint64_t>(size);
  if (const std::string trouble = trouble_of(file, of_next); !trouble.empty()) {
    return Error{EINVAL, trouble};
  }
  key.resize(file.size);
  return key;
}

Result<Keys> read_keys(const Config& config) {
  Keys keys;
  for (const auto& [path, key] : {std::pair{&config.heartbeat_key, &keys.now},
                                  std::pair{&config.heartbeat_key_next, &keys.next}}) {
    if (*path) {
      auto read = read_key(**path, key == &keys.next);
      if (!read) {
        return read.error();
      }
      *key = std::move(read).value();
    }
  }
  return keys;
}

// A device that is missing now may come later (a bond, a VLAN): said, but no reason to refuse.
void warn_of_missing_devices(const Config& config, const Links& links,
                             std::vector<std::string>& complaints) {
  for (const auto& address : config::floating_addresses(config)) {
    if (links.find(address.device) == nullptr) {
      complaints.push_back("warning: " + to_string(address.address) +
                           ": this machine has no device " + address.device);
    }
  }
}

Result<Setup> resolve(const Config& config, const std::string& text, const std::string& file,
                      Links& links, std::optional<Node> known_node) {
  if (auto fit = check_for_pulse(config, file); !fit) {
    return fit.error();
  }
  const auto own = links.addresses();
  if (!own) {
    return own.error();
  }
  const auto node = known_node ? Result<Node>(*known_node) : node_of_this_machine(config, *own);
  if (!node) {
    return node.error();
  }
  Setup setup;
  setup.config = config;
  setup.text = text;
  setup.routes = heartbeat_routes(config, *node);
  auto settings =
      settings_of(config, text, describe_machine(config, *node, setup.routes, *own, links));
  if (!settings) {
    return settings.error();
  }
  setup.settings = std::move(settings).value();
  if (!setup.routes.empty() && !setup.settings.legacy_heartbeats) {
    auto keys = read_keys(config);
    if (!keys) {
      return keys.error();
    }
    setup.keys = std::move(keys).value();
  }
  return setup;
}

}  // namespace

std::vector<Mac> own_macs(const std::set<std::string>& devices, const Links& links) {
  std::vector<Mac> macs;
  for (const std::string& device : devices) {
    const Link* link = links.find(device);
    if (link != nullptr && link->is_ethernet && !std::ranges::count(macs, link->mac)) {
      macs.push_back(link->mac);
    }
  }
  return macs;
}

namespace {

void complete(SetupResult& result, const std::string& text, const std::string& file, Links& links,
              const config::Resolver& resolver, std::optional<Node> node) {
  const auto config = parse_text(text, file, resolver, result);
  if (!config) {
    return;
  }
  auto setup = resolve(*config, text, file, links, node);
  if (!setup) {
    result.complaints.push_back(setup.error().what);
    result.is_address_missing = setup.error().code == EADDRNOTAVAIL;
    return;
  }
  warn_of_missing_devices(*config, links, result.complaints);
  result.setup = std::move(setup).value();
}

}  // namespace

SetupResult load_setup(const std::string& file, Links& links, const config::Resolver& resolve,
                       std::optional<Node> node) {
  SetupResult result;
  if (const auto text = read_text(file, result.complaints)) {
    complete(result, *text, file, links, resolve, node);
  }
  return result;
}

SetupResult load_setup_from(const std::string& text, const std::string& file, Links& links,
                            const config::Resolver& resolve, Node node) {
  SetupResult result;
  complete(result, text, file, links, resolve, node);
  return result;
}

bool check_configuration(const std::string& file, std::vector<std::string>& complaints) {
  SetupResult result;
  const auto text = read_text(file, result.complaints);
  const auto config = text ? parse_text(*text, file, io::resolve, result) : std::nullopt;
  complaints = std::move(result.complaints);
  if (!config || result.is_cut_short) {
    return false;
  }
  if (auto fit = check_for_pulse(*config, file); !fit) {
    complaints.push_back(fit.error().what);
    return false;
  }
  if (heartbeat_paths(*config).empty() ||
      config->heartbeat_format == config::HeartbeatFormat::legacy) {
    return true;
  }
  const auto keys = read_keys(*config);
  if (keys) {
    return true;
  }
  const bool may_not_look = keys.error().code == EACCES;
  complaints.push_back((may_not_look ? "warning: " : "") + keys.error().what);
  return may_not_look;
}

}  // namespace lvs::pulse
