#include "pulse/io/state_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>

#include "common/io/log_sink.h"
#include "common/io/read_file.h"

namespace lvs::pulse {
namespace {

constexpr const char* kParent = "/var/lib/lvs";
constexpr const char* kFolder = "/var/lib/lvs/pulse";

}  // namespace

std::string names_file() {
  return std::string(kFolder) + "/names";
}

std::string state_file(const Settings& settings, const std::string& what) {
  char pair[17];
  std::snprintf(pair, sizeof pair, "%016" PRIx64, settings.cluster_id);
  return std::string(kFolder) + "/" + pair + "-" + name(settings.node) + "." + what;
}

Result<Ok> write_in_background(const std::string& file, const std::string& text) {
  const pid_t child = ::fork();
  if (child < 0) {
    return os_error(errno, "write " + file);
  }
  if (child > 0) {
    return Ok{};
  }
  ::mkdir(kParent, 0755);
  ::mkdir(kFolder, 0700);
  const auto written = io::write_file_atomically(file, text, 0600);
  if (!written) {
    io::log({Level::warning, "state-not-kept", "", {{"error", written.error().what}}});
  }
  ::_exit(written ? 0 : 1);
}

}  // namespace lvs::pulse
