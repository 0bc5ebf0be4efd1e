// The data plane that lvsd drives: the embedded core in this process, or the kernel's ip_vs. The
// one choice that the suite makes at run time, so the one interface.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/config/model.h"
#include "common/ipvs/codec.h"
#include "common/result.h"
#include "lvsd/reconciler.h"

namespace lvs::lvsd::io {

class Plane {
 public:
  virtual ~Plane() = default;
  virtual Result<ipvs::Reply> call(const ipvs::Request& request) = 0;
  // Changes, in order; of each: nothing when it was done, else why not (ipvs::Client::write).
  virtual std::vector<std::optional<Error>> write(std::span<const ipvs::Request> requests) = 0;
  virtual bool armed() const = 0;
  virtual Result<Ok> set_armed(bool armed) = 0;
  virtual Result<Ok> set_interfaces(const std::vector<std::string>& interfaces) = 0;
  virtual Result<Ok> set_denied(const std::vector<Prefix>& prefixes) = 0;
  virtual const char* kind() const = 0;
  virtual boost::json::object describe() const = 0;  // For status: interfaces, sizes.
};

// Takes over what an earlier lvsd left. The embedded core is also served on its socket, for
// lvsadm.
Result<std::unique_ptr<Plane>> open_plane(boost::asio::io_context& io,
                                          const config::Config& config);

// What the core holds, with the table as plans compare it; without the director's addresses.
Result<Snapshot> read_snapshot(const ipvs::Handler& core);

}  // namespace lvs::lvsd::io
