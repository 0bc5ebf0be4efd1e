// A keepalived.conf as a tree of statements, knowing no keyword: words, and perhaps a block in
// braces, which may open on the same line or a later one. '#' and '!' begin comments.
#pragma once

#include <string>
#include <vector>

#include "tools/lvsctl/import/draft.h"

namespace lvs::lvsctl::foreign {

constexpr int kDepthMax = 16;

struct Statement {
  int line = 0;
  int last_line = 0;               // Of its block.
  std::vector<std::string> words;  // Without their quotes; empty for a block without a name.
  std::vector<Statement> block;
  bool has_block = false;

  const std::string& word() const;                // The first one.
  std::string value(size_t place = 1) const;      // Empty: not given.
  std::string rest() const;                       // All but the first, with single blanks.
  const Statement* find(const char* word) const;  // In its block.
};

// The statements outside all blocks. What is not followed (include, variables, conditions) or
// closed is remarked.
std::vector<Statement> keepalived_tree(const std::string& text, Draft& draft);

}  // namespace lvs::lvsctl::foreign
