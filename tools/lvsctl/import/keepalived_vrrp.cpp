#include "tools/lvsctl/import/keepalived_vrrp.h"

#include <algorithm>
#include <set>

#include "tools/lvsctl/import/keepalived_words.h"
#include "tools/lvsctl/import/values.h"

namespace lvs::lvsctl::foreign {
namespace {

constexpr Duration kAdvertInterval = std::chrono::seconds{1};
constexpr Duration kLongestAdvert = std::chrono::seconds{255};
constexpr Duration kLongestFailback = std::chrono::hours{24 * 7};
constexpr int kLostAdverts = 3;  // After which the other one counts as dead.

void set_timing(config::Globals& globals, Duration interval) {
  globals.keepalive = interval;
  globals.deadtime = kLostAdverts * interval;
}

bool is_in(const Address& address, const config::FloatingAddress& network) {
  return network.prefix && address.family() == network.address.family() &&
         address.masked(*network.prefix) == network.address.masked(*network.prefix);
}

}  // namespace

void Vrrp::read(const Statement& instance) {
  const Statement* interface = instance.find("interface");
  const std::string device = interface == nullptr ? "" : interface->value();
  own_.reset();
  peer_.reset();
  const Statement* state = instance.find("state");
  const bool is_master = state != nullptr && state->value() == "MASTER";
  if (is_first_) {
    is_master_ = is_master;
    set_timing(draft_.globals, kAdvertInterval);
    draft_.globals.failback = {true, Duration{0}};
  } else if (is_master != is_master_) {
    draft_.leave(state == nullptr ? instance.line : state->line,
                 "instances that are active on different directors: all addresses "
                 "of a pair are on the same one here");
  }
  for (const auto& each : instance.block) {
    take(each, device);
  }
  name_directors(instance);
  is_first_ = false;
}

void Vrrp::take(const Statement& each, const std::string& device) {
  const std::string& word = each.word();
  if (word == "state" || word == "interface") {
  } else if (word == "priority") {
    draft_.note(each.line, "priority: which director is the first say primary and backup");
  } else if (word == "advert_int" || word == "nopreempt" || word == "preempt_delay" ||
             word == "preempt") {
    take_timing(each);
  } else if (word == "unicast_src_ip" || word == "mcast_src_ip") {
    take_own(each);
  } else if (word == "unicast_peer") {
    take_peers(each);
  } else if (word == "virtual_ipaddress" || word == "virtual_ipaddress_excluded") {
    take_addresses(each, device);
  } else if (word == "track_interface") {
    draft_.globals.monitor_links = 1;
    draft_.note(each.line, named(each) +
                               ": monitor_links = 1 watches the links of the directors' own "
                               "addresses, whichever those are");
  } else if (word == "notify_master") {
    take_command(each, draft_.globals.active_cmd);
  } else if (word == "notify_backup") {
    take_command(each, draft_.globals.inactive_cmd);
  } else if (word == "lvs_sync_daemon_interface" && is_device(each.value())) {
    draft_.globals.syncdaemon = true;
    draft_.globals.syncd_iface = each.value();
  } else {
    tell_of(each, draft_);
  }
}

// unicast_src_ip counts before mcast_src_ip.
void Vrrp::take_own(const Statement& each) {
  const auto own = prefixed(each.value());
  if (!own) {
    return draft_.leave(each.line, each.word() + ": expected an address, not " + each.value());
  }
  const bool is_better = !own_ || each.word() == "unicast_src_ip";
  if (own_ && own_ != own->address) {
    draft_.leave(is_better ? own_line_ : each.line,
                 "a director has one address for heartbeats: " +
                     to_string(is_better ? own->address : *own_) + " is written");
  }
  if (is_better) {
    own_ = own->address;
    own_line_ = each.line;
  }
}

void Vrrp::take_timing(const Statement& each) {
  const auto time = seconds(each.value());
  if (!is_first_ || each.word() == "preempt") {
    return draft_.note(each.line, each.word() + (is_first_ ? ": it is so unless nopreempt is said"
                                                           : ": the first instance says it for "
                                                             "all"));
  }
  if (each.word() == "nopreempt") {
    draft_.globals.failback = {};
  } else if (each.word() == "advert_int" && time) {
    set_timing(draft_.globals,
               bounded(draft_, {each.line, each.word()}, *time, kShortestPause, kLongestAdvert));
  } else if (each.word() == "preempt_delay" && time && draft_.globals.failback.enabled) {
    draft_.globals.failback.able_for =
        bounded(draft_, {each.line, each.word()}, *time, Duration{0}, kLongestFailback);
  } else if (time) {
    draft_.note(each.line, "preempt_delay: it has no meaning beside nopreempt");
  } else {
    draft_.leave(each.line, each.word() + ": expected seconds, not " + each.value());
  }
}

void Vrrp::take_peers(const Statement& each) {
  for (const auto& peer : each.block) {
    const auto address = prefixed(peer.word());
    if (!address) {
      draft_.leave(peer.line, "unicast_peer: expected an address, not " + peer.word());
    } else if (peer_) {
      draft_.leave(peer.line, "unicast_peer: there are two directors: " + to_string(*peer_) +
                                  " is the other one");
    } else {
      peer_ = address->address;
      peer_line_ = peer.line;
    }
    if (peer.words.size() > 1) {
      draft_.leave(peer.line, "unicast_peer: " + peer.rest() + ": no lives of packets are counted");
    }
  }
}

void Vrrp::take_addresses(const Statement& list, const std::string& device) {
  for (const auto& each : list.block) {
    take_address(each, device);
  }
}

void Vrrp::take_address(const Statement& each, const std::string& device) {
  const auto address = prefixed(each.word());
  if (!address) {
    return draft_.leave(each.line, "virtual_ipaddress: expected an address, not " + each.word());
  }
  Floating floating{each.line, {address->address, device, device, address->length}};
  take_place(each, floating.address);
  const std::string& name = floating.address.device;
  std::string& label = floating.address.label;
  const bool is_label = is_device(label) && label.substr(0, label.find(':')) == name;
  if (!is_device(name) || name.find(':') != std::string::npos) {
    return draft_.leave(each.line, "virtual_ipaddress: expected the device of " +
                                       to_string(address->address) + ": dev eth0, or interface");
  }
  label = is_label ? label : name;
  if (floating_.size() == kServicesMax) {
    return draft_.leave(each.line, to_string(address->address) +
                                       " is one address too many: no more than " +
                                       std::to_string(kServicesMax) + " float");
  }
  floating_.try_emplace(address->address, floating);
}

// "dev eth0 label eth0:1", and what else stands behind an address.
void Vrrp::take_place(const Statement& each, config::FloatingAddress& address) {
  std::string label;
  std::string others;
  for (size_t place = 1; place < each.words.size(); ++place) {
    const std::string& word = each.words[place];
    if (word == "dev" && place + 1 < each.words.size()) {
      address.device = address.label = each.words[++place];
    } else if (word == "label" && place + 1 < each.words.size()) {
      label = each.words[++place];
    } else {
      others += (others.empty() ? "" : " ") + word;
    }
  }
  address.label = label.empty() ? address.label : label;
  if (!others.empty()) {
    draft_.leave(each.line, "virtual_ipaddress " + each.word() + ": " + others +
                                ": of an address lvs.cf says device, label and netmask only");
  }
}

void Vrrp::take_command(const Statement& each, std::string& command) {
  const auto plain = plain_command(draft_, {each.line, each.word()}, each.value());
  if (each.words.size() > 2) {
    draft_.leave(each.line,
                 each.word() + ": " + each.words.back() + ": programs of lvs.cf run as root");
  }
  if (plain && !command.empty() && command != *plain) {
    return draft_.leave(each.line, each.word() + ": one program is called: " + command);
  }
  command = plain.value_or(command);
}

void Vrrp::name_directors(const Statement& instance) {
  config::Globals& globals = draft_.globals;
  if (!own_ && !peer_) {
    return;
  }
  const auto first = is_master_ || !peer_ ? own_ : peer_;
  const auto second = first == own_ ? peer_ : own_;
  if (const Statement* state = instance.find("state"); state != nullptr && !is_master_ && !peer_) {
    draft_.note(state->line,
                "state " + state->value() + ": " + to_string(*own_) +
                    " is written as primary; if the other director's file says MASTER, or has the "
                    "higher priority, it is backup");
  }
  if (!globals.primary && !globals.backup) {
    globals.primary = first;
    globals.backup = second;
  } else if (!globals.primary_private && first && second && globals.primary != first &&
             globals.backup) {
    globals.primary_private = first;
    globals.backup_private = second;
  } else {
    const auto leave_unused = [&](const std::optional<Address>& address, int line) {
      if (address && globals.primary != address && globals.backup != address) {
        draft_.leave(line, instance.word() + " " + instance.value() + ": " + to_string(*address) +
                               " is not used: heartbeats take the paths of the first two "
                               "instances that name both directors");
      }
    };
    leave_unused(own_, own_line_);
    leave_unused(peer_, peer_line_);
  }
}

void Vrrp::place_addresses() {
  std::set<Address> used;
  for (auto& service : draft_.services) {
    if (!service.address) {
      continue;
    }
    const auto found = floating_.find(service.address->address);
    if (found != floating_.end()) {
      service.address = found->second.address;
      used.insert(found->first);
    } else {
      draft_.leave(service.lines.block, to_string(service.address->address) +
                                            " is no virtual_ipaddress: it is put on " +
                                            service.address->device);
    }
  }
  std::vector<Floating> unused;
  for (const auto& [address, floating] : floating_) {
    if (!used.contains(address)) {
      unused.push_back(floating);
    }
  }
  choose_gateway(unused);
  give_to_marks(unused);
  for (const auto& each : unused) {
    draft_.leave(each.line, to_string(each.address.address) +
                                " belongs to no service: only addresses of services and the "
                                "servers' gateway (nat_router) float");
  }
}

// A service by mark has no address of its own: it takes the only one that is left.
void Vrrp::give_to_marks(std::vector<Floating>& unused) {
  bool is_taken = false;
  for (auto& service : draft_.services) {
    if (unused.size() == 1 && service.fwmark != 0 && !service.address &&
        config::family_of(service) == unused.front().address.address.family()) {
      service.address = unused.front().address;
      is_taken = true;
      draft_.note(service.lines.block,
                  "fwmark " + std::to_string(service.fwmark) + ": its address is " +
                      to_string(service.address->address) + " of line " +
                      std::to_string(unused.front().line) +
                      ", the only virtual_ipaddress that no other service has: take it out if it "
                      "is none of this mark's; rules that set the mark stay yours, or write "
                      "mark_ports");
    }
  }
  if (is_taken) {
    unused.clear();
  }
}

// The one on the network of a server that is reached by NAT.
void Vrrp::choose_gateway(std::vector<Floating>& unused) {
  const auto is_on_network = [&](const Floating& each) {
    for (const auto& service : draft_.services) {
      for (const auto& server : service.servers) {
        if (server.forward == ipvs::Forward::masq && is_in(server.address, each.address)) {
          return true;
        }
      }
    }
    return false;
  };
  const auto gateway = std::find_if(unused.begin(), unused.end(), is_on_network);
  if (gateway != unused.end()) {
    draft_.globals.nat_router = gateway->address;
    unused.erase(gateway);
  }
}

}  // namespace lvs::lvsctl::foreign
