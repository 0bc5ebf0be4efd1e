// What import makes of a text, for the tests of each format: the configuration that the written
// lvs.cf holds, which check() must call good, and the remarks.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "common/config/parse.h"
#include "tools/lvsctl/check.h"
#include "tools/lvsctl/import/import.h"

namespace lvs::lvsctl::foreign {

inline Hints hints() {
  Hints hints;
  hints.names.host = [](const std::string& host) {
    return host == "www.example.com" ? Address::parse("192.0.2.10") : std::nullopt;
  };
  hints.names.port = [](const std::string& service, ipvs::Protocol) {
    return service == "http" ? std::optional<uint16_t>(80) : std::nullopt;
  };
  return hints;
}

struct Outcome {
  std::string text;
  config::Config config;
  std::string left;   // "3: ...\n"
  std::string notes;  // Likewise.

  const config::VirtualService& service(size_t place = 0) const { return config.virtuals[place]; }
};

inline Outcome outcome_of(const std::string& text, const Hints& given = hints(),
                          std::optional<Source> source = std::nullopt) {
  const Import made = import_text(text, source, given);
  Outcome outcome;
  for (const auto& [line, carried, what] : made.remarks) {
    (carried == Carried::yes ? outcome.notes : outcome.left) +=
        std::to_string(line) + ": " + what + "\n";
  }
  if (!made.text) {
    ADD_FAILURE() << made.text.error().what << "\n" << outcome.left;
    outcome.config.virtuals.push_back(config::VirtualService{});
    return outcome;
  }
  outcome.text = *made.text;
  const CheckReport report = check(outcome.text, "lvs.cf", Strictness::liberal);
  EXPECT_TRUE(report.good) << to_text(report, "lvs.cf", Format::text) << outcome.text;
  outcome.config = config::parse(outcome.text, "lvs.cf").config.value_or(config::Config{});
  return outcome;
}

}  // namespace lvs::lvsctl::foreign
