// Reading the Call-ID of a SIP message: the cases that have a name here, the rest against the
// kernel's way by chance.
#include "lvsd/bpf/call_id.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/lvsd/core/kernel_call_id.h"

namespace lvs::test {
namespace {

std::string in_message(const std::string& headers) {
  return "INVITE sip:1@b SIP/2.0\r\n" + headers + "\r\n\r\n";
}

TEST(CallId, SpellingsOfTheHeader) {
  for (const char* header :
       {"Call-ID: one@b", "call-id:one@b", "i: one@b", "I \t:one@b", "Call-ID:\r\n one@b",
        "Call-ID \r\n\t: one@b", "From: a\r\n b\r\nCall-ID: one@b", "Call-ID: one@b\nTo: b",
        "Call-ID: @x\r\nCall-ID: one@b", "id: two\r\ni: one@b",
        "Call-ID: longer@ \r\nCall-ID: one@b", "To: b\rCall-ID: one@b"}) {
    EXPECT_EQ(read_call_id(in_message(header)), "one@b") << header;
    EXPECT_EQ(read_call_id(in_message(header)), KernelCallId(in_message(header)).find()) << header;
  }
}

TEST(CallId, WhatIsNone) {
  for (const char* header : {"To: b", "Call-ID: one ", "Call-ID: one;x", "Call-ID: a@b@c",
                             "Call-IDs: one\r\nCall-ID: one", "Call-ID:\r\nTo: b",
                             "Call-ID:\nCall-ID: one", " Call-ID: one", "Call-ID: one@",
                             "\n\nCall-ID one", "Call-ID: @\r\nCall-ID: @\r\nCall-ID: one"}) {
    EXPECT_EQ(read_call_id(in_message(header)), std::nullopt) << header;
    EXPECT_EQ(KernelCallId(in_message(header)).find(), std::nullopt) << header;
  }
  EXPECT_EQ(read_call_id("Call-ID: one\r\n"), std::nullopt) << "the first line is no header";
  EXPECT_EQ(read_call_id("SIP\r\nCall-ID: one"), std::nullopt) << "its end is not seen";
}

TEST(CallId, AtMost255Bytes) {
  const std::string most(255, 'x');
  EXPECT_EQ(read_call_id(in_message("Call-ID: " + most)), most);
  EXPECT_EQ(read_call_id(in_message("Call-ID: " + most + "x")), std::nullopt);
}

TEST(CallId, AnyMixtureOfItsPiecesIsReadAsTheKernelReadsIt) {
  const std::string_view pieces[] = {"\r",      "\n",  "\r\n", " ",    "\t", "Call-ID",
                                     "call-id", "i",   "Call", "-ID",  ":",  "one",
                                     "@",       "two", "\xc9", "\xd7", ";",  "^"};
  uint32_t random = 1;
  int found = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string message;
    for (int i = 0; i < 14; ++i) {
      random = random * 1664525 + 1013904223;
      message += pieces[(random >> 8) % std::size(pieces)];
    }
    const auto expected = KernelCallId(message).find();
    ASSERT_EQ(read_call_id(message), expected) << message;
    found += expected.has_value();
  }
  EXPECT_GT(found, 200);
}

TEST(CallId, HashesTellCallsApartByEveryByte) {
  std::set<uint64_t> hashes;
  for (uint32_t length = 1; length <= LVS_CALL_ID_MAX; ++length) {
    lvs_call call{};
    call.length = length;
    std::memset(call.text, 'x', length);
    hashes.insert(lvs_call_hash(&call) & 0xffffffffff);
    call.text[length - 1] = 'y';
    hashes.insert(lvs_call_hash(&call) & 0xffffffffff);
  }
  EXPECT_EQ(hashes.size(), 2 * LVS_CALL_ID_MAX);
}

}  // namespace
}  // namespace lvs::test
