#include "lvsd/core/io/core.h"

namespace lvs::core {

class Core::Impl {};

Core::Core(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
}
Core::~Core() = default;

Result<std::unique_ptr<Core>> Core::open(boost::asio::io_context&, CoreOptions, LogFn) {
  return Error{ENOSYS, "the embedded core is not in this build"};
}

Result<Ok> Core::remove() {
  return Ok{};
}
Result<ipvs::Reply> Core::handle(const ipvs::Request&) {
  return Error{ENOSYS, "the embedded core is not in this build"};
}
bool Core::armed() const {
  return false;
}
Result<Ok> Core::set_armed(bool) {
  return Ok{};
}
Result<Ok> Core::set_interfaces(std::vector<std::string>) {
  return Ok{};
}
CoreStatus Core::status() const {
  return {};
}

}  // namespace lvs::core
