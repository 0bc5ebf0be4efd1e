// `lvsadm --trace`: a packet as a line, in words or for programs, and what they come to.
#pragma once

#include <array>
#include <map>
#include <string>

#include "common/ipvs/trace.h"

namespace lvs::lvsadm {

std::string trace_line(const ipvs::TracedPacket& packet);  // Times in the local time zone.
std::string trace_json(const ipvs::TracedPacket& packet);

class TraceSummary {
 public:
  void count(const ipvs::TracedPacket& packet);
  uint64_t packets() const;
  // One that names what was seen, what was not shown, and when there was nothing, what that means.
  std::string text(uint64_t lost, bool has_filter) const;

 private:
  std::map<ipvs::Verdict, uint64_t> verdicts_;
  std::map<std::string, uint64_t> reasons_;
};

}  // namespace lvs::lvsadm
