#include "pulse/io/lvsd_link.h"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace lvs::pulse {
namespace {

std::optional<bool> answer_in(const boost::json::object& reply, const char* field) {
  const boost::json::value* value = reply.if_contains(field);
  return value != nullptr && value->is_bool() ? std::optional(value->get_bool()) : std::nullopt;
}

std::optional<int64_t> number_in(const boost::json::object& reply, const char* field) {
  const boost::json::value* value = reply.if_contains(field);
  return value != nullptr && value->is_int64() && value->get_int64() >= 0
             ? std::optional(value->get_int64())
             : std::nullopt;
}

Unserved services_in(const boost::json::object& reply, const char* field) {
  const auto number = number_in(reply, field);
  return number ? Unserved(static_cast<uint16_t>(std::min<int64_t>(*number, kUnservedMax)))
                : std::nullopt;
}

std::vector<ServiceId> names_in(const boost::json::object& reply, const char* field) {
  std::vector<ServiceId> names;
  const boost::json::value* value = reply.if_contains(field);
  if (value == nullptr || !value->is_array()) {
    return names;
  }
  for (const auto& each : value->get_array()) {
    if (const auto* name = each.if_int64()) {
      names.push_back(static_cast<ServiceId>(*name));
    }
  }
  return names;
}

bool is_true(const boost::json::object& reply, const char* field) {
  return answer_in(reply, field).value_or(false);
}

}  // namespace

LvsdLink::LvsdLink(boost::asio::io_context& io, std::string path, Notices notices)
    : io_(io), path_(std::move(path)), notices_(std::move(notices)), timer_(io) {
  boost::asio::post(io_, [this] { tick(); });
}

void LvsdLink::say(bool active, bool ahead) {
  active_ = active;
  ahead_ = ahead;
  armed_ = false;
  stale_questions_ = questions_;
  if (client_) {
    ask();
  }
}

void LvsdLink::tick() {
  if (!client_) {
    auto client = io::ControlClient::connect(
        io_, path_, [this](const boost::json::object& reply) { take(reply); },
        // The client must not die inside its own callback.
        [this] { boost::asio::post(io_, [this] { lost(); }); });
    if (client) {
      client_ = std::move(client).value();
    }
  }
  if (client_) {
    const bool silent =
        unanswered_since_ && Clock::now() - *unanswered_since_ >= kLvsdAnswerPatience;
    if (silent) {
      set_ready(false);
    } else {
      ask();
    }
  }
  tick_after(pause());
}

Duration LvsdLink::pause() const {
  return !client_            ? kLvsdReconnectPause
         : has_way_ == false ? kLvsdAskPauseWithoutWay
                             : kLvsdAskPause;
}

void LvsdLink::tick_after(Duration pause) {
  timer_.expires_after(pause);
  timer_.async_wait([this](auto error) {
    if (!error) {
      tick();
    }
  });
}

void LvsdLink::ask() {
  if (!unanswered_since_) {
    unanswered_since_ = Clock::now();
  }
  ++questions_;
  client_->send({{"do", "role"}, {"active", active_}, {"ahead", ahead_}});
}

void LvsdLink::take(const boost::json::object& reply) {
  --questions_;
  unanswered_since_ = questions_ > 0 ? std::optional(Clock::now()) : std::nullopt;
  set_way(answer_in(reply, "has_way"));
  set_services({services_in(reply, "cut_services").value_or(0),
                services_in(reply, "failing_if_active"), services_in(reply, "failing_if_standby"),
                names_in(reply, "failing"), names_in(reply, "uncheckable"),
                names_in(reply, "recovered"), names_in(reply, "certain"),
                names_in(reply, "doubtful"), is_true(reply, "checks_stopped")});
  set_ready(is_true(reply, "ready"));
  // What is believed for a moment only must be heard in that moment.
  const std::chrono::milliseconds change{number_in(reply, "changes_in_ms").value_or(INT32_MAX)};
  if (change < pause()) {
    tick_after(change);
  }
  if (stale_questions_ > 0) {
    --stale_questions_;
    return;
  }
  armed_ = is_true(reply, "armed");
  if (active_ && armed_) {
    notices_.armed();
  }
}

void LvsdLink::lost() {
  client_.reset();
  unanswered_since_.reset();
  questions_ = 0;
  stale_questions_ = 0;
  armed_ = false;
  set_way(std::nullopt);
  set_services({});
  set_ready(false);
  tick();
}

void LvsdLink::set_way(std::optional<bool> has_way) {
  if (has_way_ != has_way) {
    has_way_ = has_way;
    if (has_way == false) {
      tick_after(kLvsdAskPauseWithoutWay);
    }
    notices_.way_changed(has_way);
  }
}

void LvsdLink::set_services(const ServicesChanged& services) {
  if (services_ != services) {
    services_ = services;
    notices_.services_changed(services);
  }
}

void LvsdLink::set_ready(bool ready) {
  if (ready_ != ready) {
    ready_ = ready;
    notices_.ready_changed(ready);
  }
}

}  // namespace lvs::pulse
