// A wake-up comes after what had come before it.
#include "common/io/driver.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

namespace lvs::io {
namespace {

struct Heard {};
struct Woken {};
using Event = std::variant<Heard, Woken>;
struct Nothing {};

struct Core {
  struct Step {
    std::vector<std::variant<Nothing>> actions;
    std::optional<TimePoint> wake_at;
  };
  std::string seen;

  Step step(const Event& event, TimePoint now) {
    const bool is_first = seen.empty();
    seen += std::holds_alternative<Heard>(event) ? "heard " : "woken ";
    return {{}, is_first ? std::optional(now) : std::nullopt};
  }
};

struct Shell;
using TestDriver = Driver<Core, Shell, Event, Woken>;

struct Shell {
  TestDriver* driver = nullptr;
  int waits = 0;  // Unread.
  void perform(const Nothing&) {}
  void hear_what_waits();
};

void Shell::hear_what_waits() {
  for (; waits > 0; --waits) {
    driver->feed(Heard{});
  }
}

TEST(Driver, WhatWaitsUnreadIsHeardBeforeTheClock) {
  boost::asio::io_context io;
  Core core;
  Shell shell;
  TestDriver driver(io, core, shell);
  shell.driver = &driver;
  driver.feed(Heard{});
  shell.waits = 2;
  io.run();
  EXPECT_EQ(core.seen, "heard heard heard woken ");
}

}  // namespace
}  // namespace lvs::io
