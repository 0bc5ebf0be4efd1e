#include "lvsd/io/shell.h"

#include "common/io/log_sink.h"
#include "common/io/own_addresses.h"
#include "lvsd/io/core_settings.h"
#include "lvsd/io/other_core.h"
#include "lvsd/io/ownership_record.h"
#include "lvsd/io/sysctls.h"

namespace lvs::lvsd::io {
namespace {

void report(const std::string& event, const Result<Ok>& result) {
  if (!result) {
    lvs::io::log({Level::error, event, "", {{"error", result.error().what}}});
  }
}

}  // namespace

void Shell::drive_with(Driver& driver) {
  driver_ = &driver;
  mark_watch_.emplace(io_, [this] { driver_->feed(MarksTouched{}); });
}

ipvs::Handler Shell::core() {
  return [this](const ipvs::Request& request) { return plane_.call(request); };
}

void Shell::perform(const ReadTable&) {
  auto snapshot = read_snapshot(core());
  if (snapshot) {
    auto addresses = lvs::io::own_addresses();
    if (addresses) {
      snapshot->own_addresses = std::move(*addresses);
    } else {
      snapshot = addresses.error();
    }
  }
  driver_->feed(TableRead{std::move(snapshot)});
}

void Shell::perform(ApplyOps action) {
  auto errors = plane_.write(action.ops);
  driver_->feed(OpsDone{std::move(action.ops), std::move(errors)});
}

void Shell::perform(const SaveOwned& action) {
  report("record-failed", save_owned(settings_.run_dir, settings_.core, action.owned));
}

void Shell::perform(const SetInterfaces& action) {
  report("interfaces-failed", plane_.set_interfaces(action.interfaces));
}

void Shell::perform(const SetDenied& action) {
  driver_->feed(DenyDone{plane_.set_denied(action.prefixes)});
}

void Shell::perform(const SetSysctls& action) {
  if (settings_.core == config::CoreKind::kernel) {
    driver_->feed(SysctlsDone{set_sysctls(settings_.run_dir, action.wanted)});
    return;
  }
  std::vector<Sysctl> of_host = action.wanted;
  std::erase_if(of_host, is_of_core);
  const auto host = set_sysctls(settings_.run_dir, of_host);
  const auto own = set_core_settings(core(), settings_.run_dir, action.wanted);
  driver_->feed(SysctlsDone{host ? own : host});
}

void Shell::perform(const CheckSysctls& action) {
  driver_->feed(SysctlsFound{sysctls_otherwise(action.wanted)});
}

void Shell::perform(const ApplyMarks& action) {
  marks_.apply(action.config, [this](Result<MarkWarnings> warnings) {
    driver_->feed(MarksDone{std::move(warnings)});
  });
}

void Shell::perform(const LeaveOtherCore&) {
  driver_->feed(OtherCoreLeft{leave_other_core(settings_.core, settings_.run_dir)});
}

void Shell::perform(const ArmCore& action) {
  const auto set = plane_.set_armed(action.armed);
  driver_->feed(ArmDone{set ? Result<bool>(plane_.armed()) : Result<bool>(set.error())});
}

void Shell::perform(const StartNanny& action) {
  NannyChild::Callbacks call;
  call.on_verdict = [this](const Verdict& verdict) { driver_->feed(VerdictHeard{verdict}); };
  call.on_pong = [this](const Pong& pong) { driver_->feed(PongHeard{pong.number}); };
  call.on_gone = [this](const std::string& reason) {
    nanny_.reset();
    driver_->feed(NannyGone{reason});
  };
  auto child = NannyChild::start(
      io_, {action.client_monitor, settings_.log_to_stderr, settings_.verbose}, std::move(call));
  if (!child) {
    driver_->feed(NannyGone{child.error().what});
    return;
  }
  nanny_ = std::move(*child);
  driver_->feed(NannyUp{nanny_->pid(), nanny_->user()});
}

void Shell::perform(const StopNanny&) {
  nanny_.reset();
}

void Shell::perform(const SendMonitorOrders& action) {
  if (nanny_) {
    nanny_->send(action.orders);
  }
}

void Shell::perform(const Log& action) {
  lvs::io::log(action.event);
}

}  // namespace lvs::lvsd::io
