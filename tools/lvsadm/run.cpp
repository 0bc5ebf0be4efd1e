#include "tools/lvsadm/run.h"

#include <algorithm>

#include "common/ipvs/capabilities.h"
#include "lvsd/marks.h"
#include "tools/lvsadm/json.h"
#include "tools/lvsadm/save_restore.h"
#include "tools/lvsadm/texts.h"
#include "tools/lvsadm/where.h"

namespace lvs::lvsadm {
namespace {

using namespace ipvs;

template <typename T>
Result<T> ask(const Handler& core, const Request& request) {
  auto reply = core(request);
  if (!reply) {
    return Error{reply.error().code, error_text(request, reply.error())};
  }
  if (auto* answer = std::get_if<T>(&*reply)) {
    return std::move(*answer);
  }
  return Error{EBADMSG, to_string(request) + ": the core answered something else"};
}

// As rules of iptables name it.
std::string word_of(Protocol protocol) {
  return std::find_if(kProtocols.begin(), kProtocols.end(),
                      [=](const auto& one) { return one.protocol == protocol; })
      ->name;
}

Outcome failed(int status, const Error& error) {
  return {status, "", error.what + "\n"};
}

Result<std::vector<ListedService>> read_table(const Handler& core, const List& how) {
  const Request request = how.only ? Request{GetService{*how.only}} : Request{GetServices{}};
  auto services = ask<std::vector<ServiceStatus>>(core, request);
  if (!services) {
    return services.error();
  }
  std::vector<ListedService> table;
  for (ServiceStatus& service : *services) {
    auto dests = ask<std::vector<DestStatus>>(core, GetDests{service.key});
    if (!dests) {
      return dests.error();
    }
    table.push_back({std::move(service), std::move(dests).value()});
  }
  if (how.sorted) {
    sort(table);
  }
  return table;
}

struct Runner {
  const World& world;

  Names names(bool numeric) const { return numeric ? Names{} : world.names; }

  Outcome operator()(const Change& change) const {
    const auto done = ask<Ack>(world.core, change.request);
    if (!done) {
      return failed(kRefused, done.error());
    }
    return {0, "", is_about_table(change.request) ? kept_note(change.request, world.kept()) : ""};
  }

  Outcome operator()(const List& how) const {
    switch (how.show) {
      case Show::table:
        return table(how);
      case Show::connections:
        return listed<std::vector<Connection>>(GetConnections{}, how.json, [&](const auto& all) {
          return print_connections(all, how, names(how.numeric));
        });
      case Show::timeouts:
        return listed<Timeouts>(GetConfig{}, how.json, print_timeouts);
      case Show::daemons:
        return listed<std::vector<SyncDaemon>>(GetDaemons{}, how.json, print_daemons);
    }
    return {};
  }

  Outcome operator()(const Drops& drops) const {
    return listed<std::vector<DropCounter>>(GetDrops{}, drops.json, print_drops);
  }

  Outcome operator()(const Deny& deny) const {
    return listed<std::vector<DeniedPrefix>>(GetDenied{}, deny.json, print_denied);
  }

  Outcome operator()(const Settings& wanted) const {
    auto all = ask<std::vector<SettingStatus>>(world.core, GetSettings{});
    if (!all) {
      return failed(kNoSuchThing, all.error());
    }
    if (!wanted.only.empty()) {
      std::erase_if(*all, [&](const SettingStatus& one) { return one.name != wanted.only; });
      if (all->empty()) {
        return failed(kNoSuchThing, {ENOENT, "no setting " + wanted.only + " in this core"});
      }
    }
    return {0, wanted.json ? json_text(*all) : print_settings(*all), ""};
  }

  Outcome operator()(const Kill& kill) const {
    KillConnections part = kill.prefix;
    Killed all;
    do {
      const auto killed = ask<Killed>(world.core, part);
      if (!killed) {
        return failed(kNoSuchThing, killed.error());
      }
      all.connections += killed->connections;
      part.from = killed->next;
    } while (part.from != 0);
    return {0, print_killed(kill.prefix, all), ""};
  }

  Outcome operator()(const Save& how) const {
    const auto table = read_table(world.core, List{});
    return table ? Outcome{0, save(*table, names(how.numeric)), ""}
                 : failed(kNoSuchThing, table.error());
  }

  // Nothing is applied when a line cannot be read; a line that the core refuses does not stop the
  // others.
  Outcome operator()(const Restore&) const {
    const RestorePlan plan = read_restore(world.input, world.resolver);
    Outcome outcome;
    for (const RestoreError& error : plan.errors) {
      outcome.err += "line " + std::to_string(error.number) + ": " + error.text + "\n";
    }
    if (!plan.errors.empty()) {
      outcome.err += "nothing restored\n";
      outcome.status = kWrongUsage;
      return outcome;
    }
    const Kept kept = world.kept();
    std::string note;
    for (const RestoreLine& line : plan.lines) {
      note = note.empty() ? kept_note(line.request, kept) : note;
      if (const auto done = ask<Ack>(world.core, line.request); !done) {
        outcome.err += "line " + std::to_string(line.number) + ": " + done.error().what + "\n";
        outcome.status = kRefused;
      }
    }
    outcome.err += note;
    return outcome;
  }

  // Without a mark in the question it is the one that lvsd's own rules give such a packet.
  Outcome operator()(const Where& question) const {
    WherePacket packet = question.packet;
    std::string marked_by = "the question";
    std::string note;
    if (packet.mark == 0) {
      const Endpoint& to = packet.virtual_service;
      const auto rules = world.mangle(to.address.family());
      const auto rule =
          rules ? lvsd::own_setter_for(*rules, word_of(packet.protocol), to.address, to.port)
                : std::nullopt;
      if (rule) {
        packet.mark = rule->mark;
        marked_by = "lvsd's rule " + rule->line;
      }
      note = rules ? "" : "lvsadm: asked without a mark: " + rules.error().what + "\n";
    }
    const auto answer = world.where(packet);
    if (!answer) {
      return failed(kWrongUsage, answer.error());
    }
    return {answer->refusal.empty() ? 0 : kNoSuchThing,
            question.json ? json_where(packet, marked_by, *answer)
                          : print_where(packet, marked_by, *answer),
            note + (answer->is_other_program ? kOtherProgramNote : "")};
  }

  Outcome operator()(const Trace&) const { return {}; }  // Has no end: io/trace_run.h.
  Outcome operator()(const Help&) const { return {0, help_text(), ""}; }
  Outcome operator()(const Version&) const { return {}; }

  template <typename T, typename Print>
  Outcome listed(const Request& request, bool as_json, Print print) const {
    const auto answer = ask<T>(world.core, request);
    if (!answer) {
      return failed(kNoSuchThing, answer.error());
    }
    return {0, as_json ? json_text(*answer) : print(*answer), ""};
  }

  Outcome table(const List& how) const {
    const auto info = ask<Info>(world.core, GetInfo{});
    if (!info) {
      return failed(kNoSuchThing, info.error());
    }
    const auto services = read_table(world.core, how);
    if (!services) {
      return failed(kNoSuchThing, services.error());
    }
    if (how.json) {
      return {0, json_text(*info, *services), ""};
    }
    const std::string heading = how.only ? "" : print_heading(*info);
    return {0, heading + print_table(*services, how, names(how.numeric)), ""};
  }
};

}  // namespace

bool only_reads(const Command& command) {
  return std::holds_alternative<List>(command.what) || std::holds_alternative<Save>(command.what) ||
         std::holds_alternative<Drops>(command.what) ||
         std::holds_alternative<Deny>(command.what) ||
         std::holds_alternative<Settings>(command.what) ||
         std::holds_alternative<Where>(command.what);
}

Outcome run(const Command& command, const World& world) {
  return std::visit(Runner{world}, command.what);
}

}  // namespace lvs::lvsadm
