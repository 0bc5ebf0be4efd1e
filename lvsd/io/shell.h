// Performs what the reconciler decides: one overload an action, no decisions here.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "common/io/driver.h"
#include "common/io/log_sink.h"
#include "lvsd/io/mark_rules.h"
#include "lvsd/io/mark_watch.h"
#include "lvsd/io/nanny_child.h"
#include "lvsd/io/plane.h"
#include "lvsd/reconciler.h"

namespace lvs::lvsd::io {

class Shell {
 public:
  using Driver = lvs::io::Driver<Reconciler, Shell, Event, Timer>;

  struct Settings {
    std::string run_dir;
    config::CoreKind core = config::CoreKind::embedded;
    bool log_to_stderr = false;
    bool verbose = false;
  };

  Shell(boost::asio::io_context& io, Plane& plane, Settings settings)
      : io_(io),
        plane_(plane),
        settings_(std::move(settings)),
        marks_(io, distribution_mark_files(), lvs::io::log) {}
  void drive_with(Driver& driver);

  void perform(const ReadTable& action);
  void perform(ApplyOps action);
  void perform(const SaveOwned& action);
  void perform(const SetInterfaces& action);
  void perform(const SetDenied& action);
  void perform(const SetSysctls& action);
  void perform(const CheckSysctls& action);
  void perform(const ApplyMarks& action);
  void perform(const LeaveOtherCore& action);
  void perform(const ArmCore& action);
  void perform(const StartNanny& action);
  void perform(const StopNanny& action);
  void perform(const SendMonitorOrders& action);
  void perform(const Log& action);

 private:
  ipvs::Handler core();

  boost::asio::io_context& io_;
  Plane& plane_;
  Settings settings_;
  MarkRules marks_;
  std::optional<MarkWatch> mark_watch_;
  Driver* driver_ = nullptr;
  std::unique_ptr<NannyChild> nanny_;
};

}  // namespace lvs::lvsd::io
