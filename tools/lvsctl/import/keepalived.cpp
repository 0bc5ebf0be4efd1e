#include "tools/lvsctl/import/keepalived.h"

#include <set>

#include "tools/lvsctl/import/keepalived_service.h"
#include "tools/lvsctl/import/keepalived_tree.h"
#include "tools/lvsctl/import/keepalived_vrrp.h"
#include "tools/lvsctl/import/keepalived_words.h"
#include "tools/lvsctl/import/values.h"

namespace lvs::lvsctl::foreign {
namespace {

constexpr long long kMostSeconds = 2678400;
constexpr long long kMostSyncId = 255;

// lvs_timeouts tcp 900 tcpfin 120 udp 300
void take_timeouts(const Statement& each, Draft& draft) {
  config::Globals& globals = draft.globals;
  for (size_t place = 1; place < each.words.size(); place += 2) {
    const std::string& word = each.words[place];
    const auto seconds = whole_number(each.value(place + 1));
    uint32_t* const timeout = word == "tcp"      ? &globals.tcp_timeout
                              : word == "tcpfin" ? &globals.tcpfin_timeout
                              : word == "udp"    ? &globals.udp_timeout
                                                 : nullptr;
    if (timeout == nullptr || !seconds) {
      return draft.leave(each.line, "lvs_timeouts: expected tcp, tcpfin or udp, and seconds");
    }
    *timeout = static_cast<uint32_t>(
        bounded(draft, {each.line, "lvs_timeouts " + word}, *seconds, 0, kMostSeconds));
  }
}

// lvs_sync_daemon eth1 VI_1 id 7 ...
void take_sync_daemon(const Statement& each, Draft& draft) {
  if (!is_device(each.value())) {
    return draft.leave(each.line, "lvs_sync_daemon: expected a device");
  }
  draft.globals.syncdaemon = true;
  draft.globals.syncd_iface = each.value();
  for (size_t place = 2; place < each.words.size(); ++place) {
    const std::string& word = each.words[place];
    const auto id = whole_number(each.value(place + 1));
    if (word == "id" && id) {
      draft.globals.syncd_id =
          static_cast<int>(bounded(draft, {each.line, "lvs_sync_daemon id"}, *id, 0, kMostSyncId));
      ++place;
    } else if (place == 2) {
      draft.note(each.line, "lvs_sync_daemon " + word +
                                ": whoever is active sends: no instance has to be named");
    } else {
      draft.leave(each.line, "lvs_sync_daemon " + word + " " + each.value(place + 1) +
                                 ": of the sync daemon lvs.cf has device and id only");
      ++place;
    }
  }
}

void read_globals(const Statement& block, std::string& script_user, Draft& draft) {
  for (const auto& each : block.block) {
    if (each.word() == "lvs_timeouts") {
      take_timeouts(each, draft);
    } else if (each.word() == "lvs_sync_daemon") {
      take_sync_daemon(each, draft);
    } else if (each.word() == "script_user" && is_writable(each.value()) && !each.value().empty()) {
      script_user = each.value();
    } else {
      tell_of(each, draft);
    }
  }
}

// All instances move together anyway.
void read_sync_group(const Statement& block, Draft& draft) {
  draft.note(block.line, block.word() + ": all instances move together in any case");
  for (const auto& each : block.block) {
    if (each.word() == "group" || each.word() == "global_tracking") {
      draft.note(each.line, named(each) + ": all instances move together in any case");
    } else {
      tell_of(each, draft);
    }
  }
}

void give_script_user(const std::string& user, Draft& draft) {
  for (auto& service : draft.services) {
    const bool is_own = service.script_user != config::VirtualService{}.script_user;
    const bool is_script =
        service.check && std::holds_alternative<config::ScriptCheck>(*service.check);
    service.script_user = is_script && !is_own && !user.empty() ? user : service.script_user;
  }
}

}  // namespace

Draft read_keepalived(const std::string& text, const Hints& hints) {
  Draft draft;
  const auto statements = keepalived_tree(text, draft);
  Groups groups;
  std::string script_user;
  std::set<std::string> used;
  for (const auto& each : statements) {
    if (each.word() == "virtual_server_group") {
      groups[each.value()] = &each;
    } else if (each.word() == "virtual_server" && each.value() == "group") {
      used.insert(each.value(2));
    }
  }
  Vrrp vrrp(draft);
  bool has_vrrp = false;
  for (const auto& each : statements) {
    const std::string& word = each.word();
    if (word == "global_defs") {
      read_globals(each, script_user, draft);
    } else if (word == "vrrp_instance") {
      vrrp.read(each);
      has_vrrp = true;
    } else if (word == "vrrp_sync_group") {
      read_sync_group(each, draft);
    } else if (word == "virtual_server") {
      read_virtual_server(each, groups, hints, draft);
    } else if (word != "virtual_server_group") {
      tell_of(each, draft);
    } else if (!used.contains(each.value())) {
      draft.leave(each.line, named(each) + ": no virtual_server names the group " + each.value());
    }
  }
  give_script_user(script_user, draft);
  vrrp.place_addresses();
  if (has_vrrp && draft.globals.failback.enabled) {
    draft.note(0,
               "failback: the first director takes the services back as soon as it can, as "
               "without nopreempt; failback = 0 spares the second interruption");
  }
  return draft;
}

}  // namespace lvs::lvsctl::foreign
