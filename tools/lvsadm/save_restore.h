// The table as lvsadm's own options, one a line, and back: what -S writes, -R reads.
#pragma once

#include <string>
#include <vector>

#include "tools/lvsadm/options.h"
#include "tools/lvsadm/print.h"

namespace lvs::lvsadm {

std::string save(const std::vector<ListedService>& table, const Names& names);

struct RestoreLine {
  int number = 0;  // In the input, from 1.
  ipvs::Request request;
};
struct RestoreError {
  int number = 0;
  std::string text;
};
struct RestorePlan {
  std::vector<RestoreLine> lines;
  std::vector<RestoreError> errors;
};

constexpr size_t kRestoreBytesMax = 64 << 20;

// Every line that changes the table, in order; blank lines and those that begin with # are skipped.
// A leading "ipvsadm" or "lvsadm" is ignored. All errors at once: with any, nothing should be
// applied.
RestorePlan read_restore(const std::string& input, const Resolver& resolver);

}  // namespace lvs::lvsadm
