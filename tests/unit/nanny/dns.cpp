#include "nanny/dns.h"

#include <gtest/gtest.h>

namespace lvs::nanny {
namespace {

std::string question() {
  return dns_question("www.Example.com.", "AAAA", 0x1234).value();
}

// The question with another header: flags, and the number of records.
std::string answer(unsigned char flags_high, unsigned char flags_low, char records) {
  std::string message = question();
  message[2] = static_cast<char>(flags_high);
  message[3] = static_cast<char>(flags_low);
  message[7] = records;
  return message;
}

TEST(Dns, AQuestionIsWhatTheStandardSays) {
  EXPECT_EQ(question(), std::string("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
                                    "\x03www\x07"
                                    "Example\x03"
                                    "com\x00\x00\x1c\x00\x01",
                                    12 + 17 + 4));
  EXPECT_TRUE(dns_question(".", "NS", 1));
}

TEST(Dns, ANameOrTypeThatCannotBeIsNotAskedFor) {
  EXPECT_FALSE(dns_question("a..b", "A", 1));
  EXPECT_FALSE(dns_question(std::string(64, 'a'), "A", 1));
  EXPECT_TRUE(dns_question(std::string(63, 'a'), "A", 1));
  EXPECT_FALSE(dns_question(std::string(254, 'a'), "A", 1));
  EXPECT_FALSE(dns_question("a", "ANY", 1));
}

TEST(Dns, AnAnswerWithARecordWorks) {
  EXPECT_EQ(judge_dns(question(), answer(0x85, 0x80, 2)), works("dns: 2 records"));
  std::string lower = answer(0x81, 0x80, 1);
  lower[17] = 'e';
  EXPECT_EQ(judge_dns(question(), lower), works("dns: 1 records")) << "letters have no case";
}

TEST(Dns, ARefusalFailsByItsName) {
  EXPECT_EQ(judge_dns(question(), answer(0x81, 0x82, 0)), fails("dns: SERVFAIL"));
  EXPECT_EQ(judge_dns(question(), answer(0x81, 0x83, 0)), fails("dns: NXDOMAIN"));
  EXPECT_EQ(judge_dns(question(), answer(0x81, 0x85, 0).substr(0, 12)), fails("dns: REFUSED"));
  EXPECT_EQ(judge_dns(question(), answer(0x81, 0x89, 0)), fails("dns: response code 9"));
  EXPECT_EQ(judge_dns(question(), answer(0x81, 0x80, 0)),
            fails("dns: no record of this name and type"));
}

TEST(Dns, WhatAnswersSomethingElseIsPassedOver) {
  EXPECT_FALSE(judge_dns(question(), question())) << "a question";
  EXPECT_FALSE(judge_dns(question(), ""));
  EXPECT_FALSE(judge_dns(question(), answer(0x81, 0x80, 1).substr(0, 11)));
  EXPECT_FALSE(judge_dns(question(), answer(0x81, 0x80, 1).substr(0, 20)));
  std::string other = answer(0x81, 0x80, 1);
  other[0] = 0x13;
  EXPECT_FALSE(judge_dns(question(), other)) << "another number";
  other = answer(0x81, 0x80, 1);
  other[13] = 'x';
  EXPECT_FALSE(judge_dns(question(), other)) << "another name";
}

}  // namespace
}  // namespace lvs::nanny
