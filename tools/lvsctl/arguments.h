// The command line of lvsctl: a command, the options that it takes, and at most one file.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/result.h"
#include "common/time.h"
#include "tools/lvsctl/import/import.h"

namespace lvs::lvsctl {

constexpr Duration kSwitchoverDeadline = std::chrono::seconds{10};
constexpr uint16_t kMetricsPort = 9539;

struct Arguments {
  std::string command;  // Or --help, --version.
  std::optional<std::string> file;
  std::map<std::string, std::string> options;  // "--json", "--deadline" with its value.
  Duration deadline = kSwitchoverDeadline;
  std::optional<Endpoint> listen;
  std::optional<foreign::Source> source;  // Of import: --from, --primary, --backup, --device.
  std::optional<Address> primary;
  std::optional<Address> backup;
  std::optional<std::string> device;

  bool has(const std::string& option) const { return options.contains(option); }
};

// What is wrong, and what was meant.
Result<Arguments> parse_arguments(const std::vector<std::string>& words);

}  // namespace lvs::lvsctl
