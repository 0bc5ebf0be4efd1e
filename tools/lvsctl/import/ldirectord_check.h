// How a virtual service of ldirectord.cf has its servers checked: checktype, and what is to be
// asked.
#pragma once

#include <string>

#include "tools/lvsctl/import/ldirectord_lines.h"

namespace lvs::lvsctl::foreign {

// A virtual's own setting, else the global one.
class Settings {
 public:
  Settings(const Virtual& own, const LdirectordLines& all) : own_(own), all_(all) {}

  const Setting* find(const std::string& key) const;
  std::string text(const std::string& key, const std::string& fallback = "") const;
  int line(const std::string& key) const;  // The virtual's where it is not given.

 private:
  const Setting* peek(const std::string& key) const;

  const Virtual& own_;
  const LdirectordLines& all_;
};

// Gives the service its check, and the times and counts of it.
void add_check(config::VirtualService& service, const Settings& settings, Draft& draft);

}  // namespace lvs::lvsctl::foreign
