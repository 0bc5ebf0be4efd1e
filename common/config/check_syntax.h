// The values of `check` and `mark_ports`, the two keys with a small language of their own:
//
//   check = http path=/health status=200-299,301 host=www.example.com
//   check = tcp send="PING\r\n" expect="+PONG"
//   mark_ports = tcp/80,443 udp/500 esp ah tcp/10000:20000
//
// Options may stand in any order; their texts know the escapes of send and expect.
#pragma once

#include <string>
#include <vector>

#include "common/config/forms.h"

namespace lvs::config {

Form<Check> check_form();
Form<std::vector<MarkPorts>> mark_ports_form();

// The word by which a check is known: tcp, http, https, script, dns ...
std::string kind_of(const Check& check);

// Why a POSIX extended regular expression does not compile; empty: it does.
std::string regex_error(const std::string& pattern);

struct CheckOption {
  std::string name;
  std::string help;
};
struct CheckKind {
  std::string name;
  std::string help;
  std::vector<CheckOption> options;
};
const std::vector<CheckKind>& check_kinds();

}  // namespace lvs::config
