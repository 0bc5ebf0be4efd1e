// An ldirectord.cf as assignments, without knowing what most of them mean.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/lvsctl/import/draft.h"

namespace lvs::lvsctl::foreign {

struct Setting {
  int line = 0;
  std::string value;  // Without the quotes around it.
  mutable bool is_used = false;
};

struct Virtual {
  int line = 0;
  std::string place;
  bool is_v6 = false;  // virtual6
  std::vector<Setting> reals;
  std::map<std::string, Setting> settings;  // The last one counts.
};

struct LdirectordLines {
  std::map<std::string, Setting> globals;
  std::vector<Virtual> virtuals;
};

// A key that nobody knows is remarked.
LdirectordLines ldirectord_lines(const std::string& text, Draft& draft);

}  // namespace lvs::lvsctl::foreign
