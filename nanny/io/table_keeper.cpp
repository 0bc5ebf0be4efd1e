#include "nanny/io/table_keeper.h"

#include "common/io/log_sink.h"
#include "common/ipvs/io/cores.h"

namespace lvs::nanny::io {
namespace {

// A fresh connection each time: an entry changes seldom, and the core may have been restarted
// meanwhile.
Result<ipvs::Reply> ask_core(const ipvs::Request& request) {
  Result<ipvs::Handler> core = ipvs::io::embedded_core();
  if (!core && core.error().code == ECONNREFUSED) {
    core = ipvs::io::kernel_core();
  }
  return core ? (*core)(request) : core.error().in(ipvs::to_string(request));
}

}  // namespace

void TableKeeper::server_is(Health health) {
  entry_.server_is(health);
  apply_or_retry();
}

bool TableKeeper::remove_entry() {
  retry_.cancel();
  entry_.stop();
  return apply();
}

bool TableKeeper::apply() {
  while (const std::optional<ipvs::Request> request = entry_.next()) {
    const Result<ipvs::Reply> reply = ask_core(*request);
    if (reply) {
      entry_.done();
      continue;
    }
    if (!entry_.refused(reply.error().code)) {
      lvs::io::log({Level::error,
                    "table-refused",
                    "/sbin/ipvsadm command failed!",
                    {{"reason", reply.error().what}}});
      return false;
    }
  }
  return true;
}

void TableKeeper::apply_or_retry() {
  retry_.cancel();
  if (apply()) {
    return;
  }
  retry_.expires_after(retry_after_);
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {
      apply_or_retry();
    }
  });
}

}  // namespace lvs::nanny::io
