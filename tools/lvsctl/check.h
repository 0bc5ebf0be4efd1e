// `lvsctl check`: everything there is to say about one lvs.cf, as a value and as text. Exit status
// 0: it loads and its core can serve all of it; 1: not so, or with --strict Piranha's daemons would
// not have loaded it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/config/machine_needs.h"
#include "common/config/parse.h"
#include "common/heartbeat_key.h"

namespace lvs::lvsctl {

enum class Strictness { liberal, strict };
enum class Format { text, json };

struct CheckReport {
  config::Diagnostics diagnostics;  // What is to be shown.
  bool good = false;
  size_t virtuals_off = 0;  // By active = 0.
  size_t servers_off = 0;   // Likewise, of the others.
};

// What the file asks of the machine that it is for; empty: not looked at.
struct LookHere {
  std::function<KeyFile(const std::string& path)> key;  // Of two that sign their heartbeats.
  std::function<bool(const std::string& device)> has_device;
  std::function<bool(const Address& address)> has_address;
  config::MachineHas has = {};
  std::function<bool(const std::string& path)> is_no_pipe = {};  // Another file is there.
};

CheckReport check(std::string_view text, std::string_view file, Strictness strictness,
                  const config::Resolver& resolve = {}, const LookHere& look = {});
std::string to_text(const CheckReport& report, std::string_view file, Format format);

}  // namespace lvs::lvsctl
