// `lvsadm --trace`: a packet as a line, in words or for programs, and what they come to.
#pragma once

#include <array>
#include <map>
#include <set>
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
  // So it does with requests to a server that nobody has answered until `now_ns`, as packets count.
  std::string text(uint64_t lost, bool has_filter, uint64_t now_ns) const;

 private:
  struct Asked {
    ipvs::Forward forward = ipvs::Forward::masq;
    uint64_t since_ns = 0;
    uint64_t requests = 0;
    uint64_t repeated = 0;  // SYNs of connections that were there: the client got no answer.
  };
  void count_request(const ipvs::TracedPacket& packet);
  std::string unanswered(uint64_t now_ns) const;

  std::map<Endpoint, Asked> asked_;  // Servers.
  std::set<Endpoint> answered_;      // Of those whose replies come by here.
  std::map<ipvs::Verdict, uint64_t> verdicts_;
  std::map<std::string, uint64_t> reasons_;
};

}  // namespace lvs::lvsadm
