// notify_fifo: the named pipe that is told each change of role. It is held open for both reading
// and writing, so that it needs no reader and keeps what it was told for one that comes late.
// Nothing ever waits for it: what does not fit is dropped, and said so.
#pragma once

#include <optional>
#include <string>

#include "common/io/unique_fd.h"
#include "common/result.h"

namespace lvs::pulse {

class NotifyFifo {
 public:
  // From now on this one, made if it is missing; nothing: none. A new one is told the last line.
  void use(const std::optional<std::string>& path);
  void tell(const std::string& line);

 private:
  Result<Ok> open();
  bool is_still_there() const;
  void write();
  void complain(const Error& error);

  std::optional<std::string> path_;
  io::UniqueFd fd_;
  std::string last_line_;
  bool is_in_trouble_ = false;  // As logged.
};

}  // namespace lvs::pulse
