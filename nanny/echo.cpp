#include "nanny/echo.h"

#include <cstring>

namespace lvs::nanny {
namespace {

constexpr unsigned char kRequestV4 = 8;
constexpr unsigned char kReplyV4 = 0;
constexpr unsigned char kRequestV6 = 128;
constexpr unsigned char kReplyV6 = 129;
constexpr size_t kEchoSize = 8 + sizeof(Echo::nonce);

unsigned byte_at(std::string_view text, size_t at) {
  return static_cast<unsigned char>(text[at]);
}

uint16_t number_at(std::string_view text, size_t at) {
  return static_cast<uint16_t>(byte_at(text, at) << 8 | byte_at(text, at + 1));
}

void put(std::string& text, size_t at, uint16_t number) {
  text[at] = static_cast<char>(number >> 8);
  text[at + 1] = static_cast<char>(number & 255);
}

uint16_t checksum(std::string_view even) {
  uint32_t sum = 0;
  for (size_t at = 0; at < even.size(); at += 2) {
    sum += number_at(even, at);
  }
  sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<uint16_t>(~(sum + (sum >> 16)));
}

}  // namespace

std::string echo_request(bool is_v4, const Echo& echo) {
  std::string packet(kEchoSize, '\0');
  packet[0] = static_cast<char>(is_v4 ? kRequestV4 : kRequestV6);
  put(packet, 4, echo.id);
  put(packet, 6, echo.sequence);
  std::memcpy(&packet[8], &echo.nonce, sizeof echo.nonce);
  if (is_v4) {
    put(packet, 2, checksum(packet));
  }
  return packet;
}

std::optional<Echo> read_echo_reply(bool is_v4, std::string_view packet) {
  const size_t header = is_v4 && !packet.empty() ? (byte_at(packet, 0) & 15U) * 4 : 0;
  if (packet.size() < header + kEchoSize) {
    return std::nullopt;
  }
  packet.remove_prefix(header);
  if (byte_at(packet, 0) != (is_v4 ? kReplyV4 : kReplyV6) || packet[1] != 0 ||
      packet.size() != kEchoSize) {
    return std::nullopt;
  }
  Echo echo{number_at(packet, 4), number_at(packet, 6), 0};
  std::memcpy(&echo.nonce, packet.data() + 8, sizeof echo.nonce);
  return echo;
}

}  // namespace lvs::nanny
