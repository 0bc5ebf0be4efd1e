// lvsadm: looks at and changes the IPVS table of this network namespace, embedded or the kernel's.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>

#include "common/io/control_socket.h"
#include "common/io/look_at_silent.h"
#include "common/io/run_dir.h"
#include "common/ipvs/io/cores.h"
#include "lvsd/core/io/frozen.h"
#include "lvsd/core/io/where.h"
#include "lvsd/io/mark_rules.h"
#include "tools/lvsadm/io/names.h"
#include "tools/lvsadm/io/trace_run.h"
#include "tools/lvsadm/run.h"
#include "tools/lvsadm/save_restore.h"

namespace lvs::lvsadm {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReadersPatience = 2s;  // What lvsd does not tell is read from its core.

struct ChosenCore {
  ipvs::Handler ask;
  const char* note = nullptr;  // Why it can only be read: lvsd is not there to change it.
  const char* refusal = kDeadRefusal;
  const char* kind = "embedded";
};

Result<ChosenCore> chosen(Result<ipvs::Handler> handler) {
  return handler ? Result<ChosenCore>(ChosenCore{.ask = std::move(*handler), .kind = "kernel"})
                 : handler.error();
}

bool is_starting() {
  const auto folder = lvs::io::run_dir_path();
  return folder && lvs::io::look_at_silent(*folder + lvs::io::kLvsdSocket).why == Silence::starting;
}

Result<ChosenCore> core_without_lvsd(const char* note) {
  auto opened = core::Frozen::open();
  if (!opened && opened.error().code == EPROTO) {
    return Error{EPROTO, "lvsd does not answer, and " + opened.error().what +
                             ": use the lvsadm that belongs to them"};
  }
  if (!opened) {
    return opened.error();
  }
  const char* refusal = note == kStartingNote ? kStartingRefusal
                        : opened->armed()     ? kDeadRefusal
                                              : kIdleRefusal;
  auto frozen = std::make_shared<core::Frozen>(std::move(*opened));
  return ChosenCore{[frozen](const ipvs::Request& request) { return frozen->handle(request); },
                    note, refusal};
}

// Connections may be a million: who may read them from the maps does not keep lvsd from its work.
ipvs::Handler reading_connections_from_maps(ipvs::Handler lvsd) {
  return [lvsd = std::move(lvsd)](const ipvs::Request& request) -> Result<ipvs::Reply> {
    if (std::holds_alternative<ipvs::GetConnections>(request)) {
      if (auto maps = core::Frozen::open()) {
        return maps->handle(request);
      }
    }
    return lvsd(request);
  };
}

// Its socket is there, and nobody answers.
bool is_stopped() {
  auto core = ipvs::io::embedded_core(kReadersPatience);
  const auto answered = core ? (*core)(ipvs::GetInfo{}) : Result<ipvs::Reply>(core.error());
  return !answered && answered.error().code == ETIMEDOUT;
}

// The embedded core if one lives here, with or without lvsd, else the kernel's; both reasons when
// there is neither.
Result<ChosenCore> core_of(const Command& command) {
  if (command.core == Core::kernel) {
    return chosen(ipvs::io::kernel_core());
  }
  if (only_reads(command) && is_stopped()) {
    return core_without_lvsd(kStoppedNote);
  }
  auto embedded = ipvs::io::embedded_core();
  if (embedded) {
    return ChosenCore{reading_connections_from_maps(std::move(*embedded))};
  }
  if (embedded.error().code != ECONNREFUSED) {
    return embedded.error();
  }
  if (auto left = core_without_lvsd(is_starting() ? kStartingNote : kDeadNote);
      left || left.error().code != ENOENT) {
    return left;
  }
  const Error none = is_starting() ? Error{ECONNREFUSED, kNoCoreYet} : embedded.error();
  if (command.core == Core::embedded) {
    return none;
  }
  auto kernel = ipvs::io::kernel_core();
  return kernel ? chosen(std::move(kernel))
                : Error{kernel.error().code, none.what + "\n" + kernel.error().what};
}

// Needs no lvsd: the programs and their maps are in the kernel.
Result<ipvs::Whereabouts> where_in_embedded_core(Core core, const ipvs::WherePacket& packet) {
  if (core == Core::kernel) {
    return Error{EOPNOTSUPP, kNoWhere};
  }
  auto asked = core::Where::open();
  if (!asked && asked.error().code == ENOENT) {
    const bool has_kernel = core == Core::automatic && ipvs::io::kernel_core();
    return Error{ENOENT, has_kernel ? std::string(kNoWhere)
                                    : "--where: no embedded core is in this network namespace"};
  }
  return asked ? asked->ask(packet) : asked.error();
}

Result<core::Trace> trace_of_embedded_core(Core core, const ipvs::TraceFilter& filter) {
  if (core == Core::kernel) {
    return Error{EOPNOTSUPP, kNoTrace};
  }
  if (::geteuid() != 0) {
    return Error{EPERM, "--trace: only root may look at the programs of the core"};
  }
  auto opened = core::Trace::open(filter);
  if (!opened && opened.error().code == ENOENT) {
    const bool has_kernel = core == Core::automatic && ipvs::io::kernel_core();
    return Error{ENOENT, has_kernel ? std::string(kNoTrace)
                                    : "--trace: no embedded core is in this network namespace"};
  }
  return opened ? std::move(opened) : std::move(opened.error()).in("--trace");
}

// Of an lvsd that does not answer, or is older, nothing is known.
Kept kept_by_lvsd(const char* core) {
  const auto folder = lvs::io::run_dir_path();
  const auto answer = folder ? lvs::io::control_call(*folder + lvs::io::kLvsdSocket,
                                                     {{"do", "kept"}}, kReadersPatience)
                             : Result<boost::json::object>(folder.error());
  return answer ? kept_in(*answer, core) : Kept{};
}

std::string read_input() {
  std::string input(std::istreambuf_iterator<char>(std::cin), {});
  input.resize(std::min(input.size(), kRestoreBytesMax));
  return input;
}

int print(const Outcome& outcome) {
  std::fwrite(outcome.err.data(), 1, outcome.err.size(), stderr);
  std::fwrite(outcome.out.data(), 1, outcome.out.size(), stdout);
  if (std::fflush(stdout) != 0) {
    std::perror("lvsadm: standard output");
    return kNoSuchThing;
  }
  return outcome.status;
}

int main_of(const std::vector<std::string>& arguments) {
  const Resolver resolver = system_resolver();
  const auto parsed = parse(arguments, resolver);
  if (const auto* error = std::get_if<UsageError>(&parsed)) {
    return print({error->status, "", error->text + "\n"});
  }
  const auto& command = std::get<Command>(parsed);
  if (std::holds_alternative<Help>(command.what)) {
    return print({0, help_text(), ""});
  }
  if (std::holds_alternative<Version>(command.what)) {
    return print({0, "lvsadm (Caribe) " CARIBE_VERSION ", IPVS v1.2.1\n", ""});
  }
  if (std::holds_alternative<Where>(command.what)) {
    return print(run(command, {.where =
                                   [&](const ipvs::WherePacket& packet) {
                                     return where_in_embedded_core(command.core, packet);
                                   },
                               .mangle = lvsd::io::running_mangle}));
  }
  if (const auto* wanted = std::get_if<Trace>(&command.what)) {
    auto trace = trace_of_embedded_core(command.core, wanted->filter);
    return trace ? run_trace(*trace, *wanted) : print({kWrongUsage, "", trace.error().what + "\n"});
  }
  auto core = core_of(command);
  if (!core) {
    return print({kWrongUsage, "", "Can't initialize ipvs: " + core.error().what + "\n"});
  }
  if (core->note != nullptr && !only_reads(command)) {
    return print({kWrongUsage, "", core->refusal});
  }
  if (core->note != nullptr) {
    std::fputs(core->note, stderr);
  }
  const bool restores = std::holds_alternative<Restore>(command.what);
  return print(run(command, {.core = core->ask,
                             .names = system_names(),
                             .resolver = resolver,
                             .input = restores ? read_input() : std::string(),
                             .kept = [&] { return kept_by_lvsd(core->kind); }}));
}

}  // namespace
}  // namespace lvs::lvsadm

int main(int argc, char** argv) {
  return lvs::lvsadm::main_of({argv + 1, argv + argc});
}
