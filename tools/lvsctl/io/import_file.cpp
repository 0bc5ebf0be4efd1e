#include "tools/lvsctl/io/import_file.h"

#include <cerrno>
#include <cstdio>
#include <string>

#include "common/io/read_file.h"
#include "tools/lvsadm/io/names.h"
#include "tools/lvsctl/import/import.h"

namespace lvs::lvsctl {
namespace {

constexpr int kWhole = 0;
constexpr int kPartly = 1;
constexpr int kNothing = 2;
constexpr mode_t kMode = 0644;

int refuse(const std::string& what) {
  std::fprintf(stderr, "lvsctl: import: %s\n", what.c_str());
  return kNothing;
}

foreign::Hints hints_of(const Arguments& arguments) {
  foreign::Hints hints;
  hints.names = lvsadm::system_resolver();
  hints.primary = arguments.primary;
  hints.backup = arguments.backup;
  hints.device = arguments.device.value_or(hints.device);
  return hints;
}

Result<Ok> write(const Arguments& arguments, const std::string& text) {
  const auto output = arguments.options.find("--output");
  if (output == arguments.options.end()) {
    const bool is_out =
        std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    return is_out ? Result<Ok>(Ok{}) : os_error(errno, "standard output");
  }
  const auto existing = arguments.has("--force") ? io::Existing::replace : io::Existing::keep;
  auto written = io::write_file_atomically(output->second, text, kMode, existing);
  if (!written && written.error().code == EEXIST) {
    return Error{EEXIST, written.error().what + ": --force replaces it"};
  }
  return written;
}

}  // namespace

int run_import(const Arguments& arguments) {
  const bool is_piped = !arguments.file || *arguments.file == "-";
  const std::string file = is_piped ? "standard input" : *arguments.file;
  const auto text = io::read_file(is_piped ? "/dev/stdin" : file, foreign::kInputMax);
  if (!text) {
    return refuse(text.error().what);
  }
  const auto made = foreign::import_text(*text, arguments.source, hints_of(arguments));
  std::fputs(foreign::to_text(made.remarks, file).c_str(), stderr);
  if (!made.text) {
    return refuse(file + ": " + made.text.error().what);
  }
  if (const auto written = write(arguments, *made.text); !written) {
    return refuse(written.error().what);
  }
  return foreign::is_whole(made.remarks) ? kWhole : kPartly;
}

}  // namespace lvs::lvsctl
