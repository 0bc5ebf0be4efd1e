// The state table against the one in ip_vs's documentation, written out a second time as text ("=":
// the state stays), and what the rest of the packet path reads in the byte of a chunk.
#include "lvsd/bpf/sctp_states.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace lvs::core {
namespace {

constexpr const char* kTable = R"(
in       data               ES = = = = = = = = = = = = =
in       init               I1 IN = = = = = = = = = = IN IN
in       init_ack           CW CW CW = = CO = = = = = = = =
in       cookie_echo        CR IN = CR = = = = = = = = = =
in       cookie_ack         ES = = = = = = ES = = = = = =
in       shutdown           SR = = = = = = = SR = = = = =
in       shutdown_ack       CL IN = = = = = = = CL = CL = =
in       shutdown_complete  CL CL CL = = = = = = = = CL = =
in       error              CL = = = = = = CL = = = = = =
in       abort              CL CL CL CL CL RJ CL CL CL CL CL CL CL CL
out      data               ES = = = = = = = = = = = = =
out      init               CW CW CW CW CW CW CW CW ES CW CW CW CW CW
out      init_ack           CS CS CS = = = = = = = = = = =
out      cookie_echo        CE CE CE CE CE CE CE = = = = = = =
out      cookie_ack         ES ES ES ES ES ES ES ES = = = = = =
out      shutdown           SS SS SS SS SS SS SS SS SS = = = = =
out      shutdown_ack       SA SA SA SA SA = = = = SA SA = = =
out      shutdown_complete  CL = = = = = = = = = = = = =
out      error              CL CL CL CL CL = = = = = = = = =
out      abort              CL RJ CL CL CL CL CL CL CL CL CL CL CL CL
in-only  data               ES = = = = ES = = = = = = = =
in-only  init               I1 IN = IN IN IN = = = = = = IN IN
in-only  init_ack           CE CE CE CE CE CE = = = = = = = =
in-only  cookie_echo        ES ES ES ES ES ES = = = = = = = =
in-only  cookie_ack         ES = = ES ES = ES ES = = = = = =
in-only  shutdown           SR = = = = = = = SR = = = = =
in-only  shutdown_ack       CL IN = = = = = = CL CL = CL = =
in-only  shutdown_complete  CL CL CL CL CL = = = = = CL CL = =
in-only  error              CL = = = = = = = = = = = = =
in-only  abort              CL CL CL CL CL RJ CL CL CL CL CL CL CL CL
)";

// Types of chunks, as RFC 9260 numbers them.
const std::map<std::string, uint32_t> kChunks = {
    {"data", 0},        {"init", 1},     {"init_ack", 2},     {"cookie_echo", 10},
    {"cookie_ack", 11}, {"shutdown", 7}, {"shutdown_ack", 8}, {"shutdown_complete", 14},
    {"error", 9},       {"abort", 6}};
const std::map<std::string, lvs_tcp_sender> kSenders = {
    {"in", LVS_TCP_IN}, {"out", LVS_TCP_OUT}, {"in-only", LVS_TCP_IN_ONLY}};
const std::vector<std::string> kStates = {"NO", "I1", "IN", "CS", "CR", "CW", "CO",
                                          "CE", "ES", "SS", "SR", "SA", "RJ", "CL"};

TEST(SctpStates, EveryTransitionIsTheOneOfIpVs) {
  std::istringstream rows(kTable);
  std::string sender;
  std::string chunk;
  int rows_seen = 0;
  while (rows >> sender >> chunk) {
    ++rows_seen;
    for (uint8_t from = 0; from < LVS_SCTP_STATES; ++from) {
      std::string to;
      rows >> to;
      const uint8_t flags = lvs_sctp_flags_of(kChunks.at(chunk));
      EXPECT_EQ(kStates[lvs_sctp_step(kSenders.at(sender), from, flags)],
                to == "=" ? kStates[from] : to)
          << sender << " " << chunk << " from state " << kStates[from];
    }
  }
  EXPECT_EQ(rows_seen, 30);
}

TEST(SctpStates, WhatIpVsDoesNotKnowIsData) {
  for (const uint32_t chunk : {3, 4, 5, 12, 13, 15, 64, 192, 255}) {
    EXPECT_EQ(lvs_sctp_flags_of(chunk), lvs_sctp_flags_of(0)) << chunk;
  }
}

TEST(SctpStates, AChunkAsksOfADirectorWhatAFlagOfTcpDoes) {
  EXPECT_EQ(lvs_sctp_flags_of(0), 0) << "data changes nothing";
  EXPECT_EQ(lvs_sctp_flags_of(1) & 0xf, LVS_TCP_FLAG_SYN);
  EXPECT_EQ(lvs_sctp_flags_of(6) & 0xf, LVS_TCP_FLAG_RST);
  for (const uint32_t chunk : {2, 7, 8, 9, 10, 11, 14}) {
    EXPECT_EQ(lvs_sctp_flags_of(chunk) & 0xf, LVS_TCP_FLAG_FIN) << chunk;
  }
}

TEST(SctpStates, TimeoutsAreThoseOfIpVs) {
  const uint32_t seconds[] = {2, 4, 61, 61, 61, 61, 61, 61, 900, 61, 61, 61, 4, 61};
  for (int state = 0; state < LVS_SCTP_STATES; ++state) {
    EXPECT_EQ(lvs_sctp_timeouts[state], seconds[state]) << state;
  }
}

TEST(SctpStates, HalfOpenUntilTheClientHasShownItsCookie) {
  for (uint8_t state = 0; state < LVS_SCTP_STATES; ++state) {
    EXPECT_EQ(lvs_sctp_is_half_open(state) != 0, state >= 1 && state <= 3) << int(state);
    EXPECT_EQ(lvs_sctp_is_closed(state) != 0, state >= 12) << int(state);
  }
}

}  // namespace
}  // namespace lvs::core
