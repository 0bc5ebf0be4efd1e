// Packets as the attached programs see them (lvsd/bpf/trace.h), of the core in this network
// namespace. The programs tell of them for as long as a Trace renews its lease, and no longer than
// that when its process was killed.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/ipvs/trace.h"
#include "common/result.h"

namespace lvs::core {

class Trace {
 public:
  // ENOENT: no core is attached in this network namespace; EPROTO: its programs are of another
  // version; EBUSY: somebody traces already.
  static Result<Trace> open(const ipvs::TraceFilter& filter);
  Trace(Trace&&) noexcept;
  Trace& operator=(Trace&&) noexcept;
  ~Trace();

  // Becomes readable when there is a packet to tell of.
  int readable_fd() const;
  // What there is, though no more at once than leaves time for the lease. False of `show`: enough.
  void read(const std::function<bool(const ipvs::TracedPacket&)>& show);

  enum class Renewed { same, replaced };  // Other programs are attached, which are traced now.
  // To be called each second. An error, as of open(): the core is gone, or another traces now.
  Result<Renewed> renew();

  uint64_t lost() const;  // Packets that were not told of, because too many came at once.
  bool is_armed() const;

 private:
  class Programs;
  Trace() = default;

  ipvs::TraceFilter filter_;
  std::unique_ptr<Programs> programs_;
  uint64_t lost_before_ = 0;  // Of programs that were replaced.
};

}  // namespace lvs::core
