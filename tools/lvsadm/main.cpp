// lvsadm: looks at and changes the IPVS table of this network namespace, embedded or the kernel's.
#include <cstdio>
#include <iostream>
#include <iterator>

#include "common/ipvs/io/cores.h"
#include "tools/lvsadm/io/names.h"
#include "tools/lvsadm/run.h"
#include "tools/lvsadm/save_restore.h"

namespace lvs::lvsadm {
namespace {

// The embedded core if one lives here, else the kernel's; both reasons when there is neither.
Result<ipvs::Handler> core_of(Core choice) {
  if (choice == Core::kernel) {
    return ipvs::io::kernel_core();
  }
  auto embedded = ipvs::io::embedded_core();
  if (embedded || choice == Core::embedded || embedded.error().code != ECONNREFUSED) {
    return embedded;
  }
  auto kernel = ipvs::io::kernel_core();
  return kernel ? kernel
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
  const bool restores = std::holds_alternative<Restore>(command.what);
  return print(run(command, {std::move(core).value(), system_names(), resolver,
                             restores ? read_input() : std::string()}));
}

}  // namespace
}  // namespace lvs::lvsadm

int main(int argc, char** argv) {
  return lvs::lvsadm::main_of({argv + 1, argv + argc});
}
