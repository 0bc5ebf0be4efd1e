// lvsadm: looks at and changes the IPVS table of this network namespace, embedded or the kernel's.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>

#include "common/ipvs/io/cores.h"
#include "lvsd/core/io/frozen.h"
#include "tools/lvsadm/io/names.h"
#include "tools/lvsadm/run.h"
#include "tools/lvsadm/save_restore.h"

namespace lvs::lvsadm {
namespace {

struct ChosenCore {
  ipvs::Handler ask;
  bool is_frozen = false;  // lvsd is dead; its core in the kernel can only be read.
};

Result<ChosenCore> chosen(Result<ipvs::Handler> handler) {
  return handler ? Result<ChosenCore>(ChosenCore{std::move(*handler)}) : handler.error();
}

Result<ChosenCore> frozen_core() {
  auto opened = core::Frozen::open();
  if (!opened && opened.error().code == EPROTO) {
    return Error{EPROTO, "lvsd is not running, and " + opened.error().what +
                             ": use the lvsadm that belongs to them"};
  }
  if (!opened) {
    return opened.error();
  }
  auto frozen = std::make_shared<core::Frozen>(std::move(*opened));
  return ChosenCore{[frozen](const ipvs::Request& request) { return frozen->handle(request); },
                    true};
}

// The embedded core if one lives here, with or without lvsd, else the kernel's; both reasons when
// there is neither.
Result<ChosenCore> core_of(Core choice) {
  if (choice == Core::kernel) {
    return chosen(ipvs::io::kernel_core());
  }
  auto embedded = ipvs::io::embedded_core();
  if (embedded || embedded.error().code != ECONNREFUSED) {
    return chosen(std::move(embedded));
  }
  if (auto frozen = frozen_core(); frozen || frozen.error().code != ENOENT) {
    return frozen;
  }
  if (choice == Core::embedded) {
    return embedded.error();
  }
  auto kernel = ipvs::io::kernel_core();
  return kernel ? chosen(std::move(kernel))
                : Error{kernel.error().code, embedded.error().what + "\n" + kernel.error().what};
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
  auto core = core_of(command.core);
  if (!core) {
    return print({kWrongUsage, "", "Can't initialize ipvs: " + core.error().what + "\n"});
  }
  if (core->is_frozen && !only_reads(command)) {
    return print({kWrongUsage, "", kFrozenRefusal});
  }
  if (core->is_frozen) {
    std::fputs(kFrozenNote, stderr);
  }
  const bool restores = std::holds_alternative<Restore>(command.what);
  return print(
      run(command, {core->ask, system_names(), resolver, restores ? read_input() : std::string()}));
}

}  // namespace
}  // namespace lvs::lvsadm

int main(int argc, char** argv) {
  return lvs::lvsadm::main_of({argv + 1, argv + argc});
}
