// The arbiter's hands: performs the director's actions, one overload each, and hands on what the
// kernel, the peer and lvsd say as events. Decides nothing.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/io/background_file.h"
#include "common/io/driver.h"
#include "pulse/director.h"
#include "pulse/io/addresses.h"
#include "pulse/io/announce.h"
#include "pulse/io/arming_gate.h"
#include "pulse/io/command.h"
#include "pulse/io/heartbeat_socket.h"
#include "pulse/io/links.h"
#include "pulse/io/lvsd_link.h"
#include "pulse/io/notify_fifo.h"
#include "pulse/io/setup.h"
#include "pulse/io/witness.h"

namespace lvs::pulse {

class Shell {
 public:
  using DirectorDriver = io::Driver<Director, Shell, Event, TimerFired>;

  struct Counters {
    uint64_t address_failures = 0;
    uint64_t announce_failures = 0;
    uint64_t too_late = 0;  // Address actions dropped because their time was over.
  };

  Shell(boost::asio::io_context& io, Setup setup, Links& links, Addresses addresses,
        std::string run_dir);
  // Opens what needs the network's consent: heartbeat and packet sockets.
  Result<Ok> open();
  void drive_with(DirectorDriver& driver);
  // What a predecessor kept in /run may not be on the disk yet.
  void keep_beyond_boot(Kept kept);

  // What was ours before this process; addresses of an older configuration are removed.
  Result<std::vector<FoundAddress>> adopt();
  void change_setup(const Setup& setup);
  void take_names(const Setup& setup);  // The same file, with other addresses of its names.
  void take_routes(const std::vector<HeartbeatRoute>& routes);  // Written as before.
  void ask_witnesses();                                         // From now on, those of the setup.
  void link_changed(const Link& link);
  void address_gone(const Address& address, unsigned device, bool ours);
  void address_came(const Address& address, bool ours);
  void look_for_foreign();  // Floating addresses that somebody else added here.
  void look_again();        // Notices of the kernel were lost.
  void lvsd_failed();

  const Setup& setup() const { return setup_; }
  const Counters& counters() const { return counters_; }
  const LvsdLink& lvsd() const { return *lvsd_; }
  int lvsd_failures() const { return lvsd_failures_; }
  bool peer_signs_with_next() const { return peer_signs_with_next_; }
  // Whether what the director must know again, after its process and after a boot, is written; and
  // why not, as far as that is known.
  bool is_kept() const { return run_error_.empty() && file_beyond_boot_.is_written(); }
  std::string why_not_kept() const {
    return run_error_.empty() ? file_beyond_boot_.error() : run_error_;
  }
  const std::vector<std::unique_ptr<HeartbeatSocket>>& sockets() const { return sockets_; }
  std::optional<Answer> take_answer() { return std::exchange(answer_, std::nullopt); }

  // Before the clock decides: a loop that was busy has not read what came in time.
  void hear_what_waits();
  void perform(const SendHeartbeat& action);
  void perform(const SendWord& action);
  void perform(const ArmCore& action);
  void perform(const DisarmCore& action);
  void perform(const ArmAhead& action);
  void perform(const AddAddresses& action);
  void perform(const RenewAddresses& action);
  void perform(const RemoveAddress& action);
  void perform(const Announce& action);
  void perform(const ProbeAddress& action);
  void perform(const TellRole& action);
  void perform(const RunCommand& action);
  void perform(const Keep& action);
  void perform(const Answer& action);
  void perform(const Exit& action);
  void perform(const LogEvent& action);

 private:
  using How = Addresses::Failed (Addresses::*)(Addresses::Several, std::optional<Duration>);
  template <typename Action>
  void change(Action action, How how);
  template <typename Action>
  void hold(const Action& action, How how);
  bool hold_some(Addresses::Several addresses, std::optional<Duration> lifetime,
                 std::optional<TimePoint> perform_before, How how);  // False: it was too late.
  void remove(const FloatingAddress& address);
  void announce(const Announce& action);
  void report_lvsd(bool ready);
  bool hear(PathId path, std::span<const uint8_t> datagram);
  bool hear_word(PathId path, std::span<const uint8_t> datagram);
  void send(std::span<const uint8_t> datagram, std::optional<PathId> only);
  void keep_for_successor(const Kept& kept);

  boost::asio::io_context& io_;
  Setup setup_;
  Links& links_;
  Addresses addresses_;
  std::string run_dir_;
  DirectorDriver* driver_ = nullptr;
  std::unique_ptr<Announcer> announcer_;
  std::unique_ptr<Witnesses> witnesses_;
  std::vector<std::unique_ptr<HeartbeatSocket>> sockets_;
  std::unique_ptr<LvsdLink> lvsd_;
  ArmingGate gate_{io_};
  boost::asio::steady_timer breath_{io_};
  int lvsd_failures_ = 0;
  bool peer_signs_with_next_ = false;  // Its last heartbeat.
  Commands commands_{io_};
  NotifyFifo notify_fifo_;
  std::optional<Answer> answer_;
  std::optional<Kept> kept_beyond_boot_;  // Without its term. Nothing: not by this process.
  io::BackgroundFile file_beyond_boot_;
  std::string run_error_;  // Why the file in /run could not be written, as long as that lasts.
  boost::asio::steady_timer run_retry_{io_};
  Counters counters_;
};

}  // namespace lvs::pulse
