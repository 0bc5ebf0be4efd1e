// The arbiter's line to lvsd: says which role this director has, or is about to have, on change and
// once a second, and hears whether lvsd is ready, its core armed, a way to the real servers there,
// and how many services have none that passes its checks. The line is opened again every 100 ms
// while lvsd is away. An lvsd that took the question but does not answer (stopped, or lost in a
// system call) counts as away too. Nothing here ever waits.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "common/io/control_socket.h"
#include "common/time.h"
#include "pulse/director.h"

namespace lvs::pulse {

constexpr Duration kLvsdReconnectPause = std::chrono::milliseconds{100};
constexpr Duration kLvsdAskPause = std::chrono::seconds{1};
constexpr Duration kLvsdAskPauseWithoutWay = std::chrono::milliseconds{100};  // It may be back.
constexpr Duration kLvsdAnswerPatience = std::chrono::seconds{3};

class LvsdLink {
 public:
  struct Notices {
    std::function<void(bool ready)> ready_changed;
    std::function<void(std::optional<bool> has_way)> way_changed;
    std::function<void(const ServicesChanged&)> services_changed;
    std::function<void()> armed;  // Each time that lvsd confirms while this director is active.
  };

  // `path`: of lvsd's control socket.
  LvsdLink(boost::asio::io_context& io, std::string path, Notices notices);
  void set_role(bool active) { say(active, false); }
  // It does not serve, but its core is armed all the same, or no more.
  void arm_ahead(bool armed) { say(false, armed); }
  bool connected() const { return client_ != nullptr; }
  bool ready() const { return ready_; }
  bool armed() const { return armed_; }

 private:
  void say(bool active, bool ahead);
  void tick();
  void tick_after(Duration pause);
  Duration pause() const;
  void ask();
  void take(const boost::json::object& reply);
  void lost();
  void set_ready(bool ready);
  void set_way(std::optional<bool> has_way);
  void set_services(const ServicesChanged& services);

  boost::asio::io_context& io_;
  std::string path_;
  Notices notices_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<io::ControlClient> client_;
  std::optional<TimePoint> unanswered_since_;
  bool active_ = false;
  bool ahead_ = false;
  bool ready_ = false;
  bool armed_ = false;
  std::optional<bool> has_way_;
  ServicesChanged services_;
  unsigned questions_ = 0;        // Under way on this connection.
  unsigned stale_questions_ = 0;  // Of those, asked before the role last changed.
};

}  // namespace lvs::pulse
