// lvs.cf as lines and braces: from text to a tree of blocks holding "key = value" pairs, without
// knowing a single key.
//
//   keepalive = 6            an assignment of the globals
//   virtual web {            a block: its word, its name, "{" here or alone on the next line
//        port = 80
//        server 158 {        servers stand inside virtual and failover blocks
//        }
//   }                        "}" alone
//
// We split and count lines, strip comments outside quotes and keep the brace stack; what stands on
// an assignment's line is split by inih. What we accept and Piranha's daemons refuse is noted with
// Severity::strict. A missing "}" is noticed where the next block starts that cannot stand inside
// the open one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/diagnostic.h"

namespace lvs::config {

constexpr size_t kMaxLineBytes = 64 * 1024;

struct Assignment {
  int line = 0;
  std::string key;
  std::string value;  // Without the blanks around it.
};

struct Block {
  std::string word;  // virtual, failover, server; empty for the globals.
  std::string name;
  int line = 0;
  std::vector<Assignment> assignments;
  std::vector<Block> children;
};

struct Lines {
  Block globals;
  Diagnostics diagnostics;
};

Lines read_lines(std::string_view text, std::string_view file);

}  // namespace lvs::config
