// The state table against the one in ip_vs's documentation, written out a second time as text.
#include "lvsd/bpf/tcp_states.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

namespace lvs::core {
namespace {

constexpr const char* kTable = R"(
in       syn  SR ES ES SR SR SR SR SR SR SR SR
in       fin  CL CW SS TW TW TW CL CW LA LI TW
in       ack  ES ES SS ES FW TW CL CW CL LI ES
in       rst  CL CL CL SR CL CL CL CL LA LI SR
out      syn  SS ES SS SR SS SS SS SS SS LI SR
out      fin  TW FW SS TW FW TW CL TW LA LI TW
out      ack  ES ES SS ES FW TW CL CW LA ES ES
out      rst  CL CL SS CL CL TW CL CL CL CL CL
in-only  syn  SR ES ES SR SR SR SR SR SR SR SR
in-only  fin  CL FW SS TW FW TW CL CW LA LI TW
in-only  ack  ES ES SS ES FW TW CL CW CL LI ES
in-only  rst  CL CL CL SR CL CL CL CL LA LI CL
)";

const std::map<std::string, uint8_t> kFlags = {
    {"syn", 0x02}, {"fin", 0x01 | 0x10}, {"ack", 0x10}, {"rst", 0x04 | 0x10}};
const std::map<std::string, lvs_tcp_sender> kSenders = {
    {"in", LVS_TCP_IN}, {"out", LVS_TCP_OUT}, {"in-only", LVS_TCP_IN_ONLY}};
const std::map<std::string, int> kStates = {{"NO", 0}, {"ES", 1}, {"SS", 2}, {"SR", 3},
                                            {"FW", 4}, {"TW", 5}, {"CL", 6}, {"CW", 7},
                                            {"LA", 8}, {"LI", 9}, {"SA", 10}};

constexpr const char* kSecureTable = R"(
in       syn  SR ES ES SR SR SR SR SR SR SR SA
in       fin  CL CW SS TW TW TW CL CW LA LI SA
in       ack  ES ES SS SR FW TW CL CW CL LI SA
in       rst  CL CL CL SR CL CL CL CL LA LI CL
out      syn  SS ES SS SA SS SS SS SS SS LI SA
out      fin  TW FW SS TW FW TW CL TW LA LI TW
out      ack  ES ES SS ES FW TW CL CW LA ES ES
out      rst  CL CL SS CL CL TW CL CL CL CL CL
in-only  syn  SA ES ES SR SA SA SA SA SA SA SA
in-only  fin  CL FW SS TW FW TW CL CW LA LI TW
in-only  ack  ES ES SS ES FW TW CL CW CL LI ES
in-only  rst  CL CL CL SR CL CL CL CL LA LI CL
)";

void expect_transitions(lvs_tcp_table table, const char* text) {
  std::istringstream rows(text);
  std::string sender;
  std::string segment;
  int rows_seen = 0;
  while (rows >> sender >> segment) {
    ++rows_seen;
    for (uint8_t from = 0; from < LVS_TCP_STATES; ++from) {
      std::string to;
      rows >> to;
      EXPECT_EQ(lvs_tcp_step(table, kSenders.at(sender), from, kFlags.at(segment)), kStates.at(to))
          << sender << " " << segment << " from state " << int(from);
    }
  }
  EXPECT_EQ(rows_seen, 12);
}

TEST(TcpStates, EveryTransitionIsTheOneOfIpVs) {
  expect_transitions(LVS_TCP_USUAL, kTable);
}

TEST(TcpStates, WithSecureTcpToo) {
  expect_transitions(LVS_TCP_SECURE, kSecureTable);
}

TEST(TcpStates, WhatAClientChangesInEitherTableTheUsualOneTells) {
  for (const auto sender : {LVS_TCP_IN, LVS_TCP_IN_ONLY}) {
    for (uint8_t from = 0; from < LVS_TCP_STATES; ++from) {
      for (const auto& [name, flags] : kFlags) {
        if (lvs_tcp_step(LVS_TCP_SECURE, sender, from, flags) != from) {
          EXPECT_TRUE(lvs_tcp_may_change(sender, from, flags)) << name << " in " << int(from);
        }
      }
    }
  }
}

TEST(TcpStates, ASegmentWithoutAnyFlagCloses) {
  for (uint8_t from = 0; from < LVS_TCP_STATES; ++from) {
    EXPECT_EQ(lvs_tcp_step(LVS_TCP_USUAL, LVS_TCP_IN, from, 0), LVS_TCP_CLOSE);
  }
}

TEST(TcpStates, RstWinsOverSynAndSynOverFin) {
  EXPECT_EQ(lvs_tcp_event_of(0x04 | 0x02 | 0x01), LVS_TCP_RST);
  EXPECT_EQ(lvs_tcp_event_of(0x02 | 0x01 | 0x10), LVS_TCP_SYN);
}

TEST(TcpStates, OnlyOpeningAndOpenConnectionsAreActive) {
  const std::map<int, bool> active = {{1, true}, {2, true}, {3, true}, {10, true}};
  for (uint8_t state = 0; state < LVS_TCP_STATES; ++state) {
    EXPECT_EQ(lvs_tcp_is_active(state) != 0, active.contains(state)) << int(state);
  }
}

TEST(TcpStates, TimeoutsAreThoseOfIpVs) {
  const uint32_t seconds[] = {2, 900, 120, 60, 120, 120, 10, 60, 30, 120, 120};
  for (int state = 0; state < LVS_TCP_STATES; ++state) {
    EXPECT_EQ(lvs_timeout_defaults[state], seconds[state]) << state;
  }
  EXPECT_EQ(lvs_timeout_defaults[LVS_TIMEOUT_UDP], 300U);
}

}  // namespace
}  // namespace lvs::core
