// The one home of libnl's message buffers: building a netlink message attribute by attribute, and
// looking at the attributes of one that came. Nobody else sees an nl_msg.
#pragma once

#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lvs::ipvs {

constexpr size_t kNameBytesMax = 255;  // Of a string in a message; longer ones are cut.

struct MessageHead {
  uint16_t type = 0;  // The family, or NLMSG_DONE, NLMSG_ERROR.
  uint16_t flags = 0;
  uint32_t seq = 0;
  uint32_t port = 0;
};

class Message {
 public:
  // `room` bytes must hold what is put in: running over it ends the program.
  Message(const MessageHead& head, size_t room);
  // A generic-netlink message of `command`.
  Message(const MessageHead& head, uint8_t command, size_t room);

  void put_bytes(int type, const void* bytes, size_t size);
  void put_u8(int type, uint8_t value) { put_bytes(type, &value, sizeof value); }
  void put_u16(int type, uint16_t value) { put_bytes(type, &value, sizeof value); }
  void put_u32(int type, uint32_t value) { put_bytes(type, &value, sizeof value); }
  void put_u64(int type, uint64_t value) { put_bytes(type, &value, sizeof value); }
  void put_be16(int type, uint16_t host_order);
  void put_string(int type, const std::string& text);
  void append(const void* bytes, size_t size);  // Behind the header, no attribute.

  nlattr* begin_nest(int type);
  void end_nest(nlattr* nest);

  std::vector<uint8_t> bytes() const;

 private:
  struct Free {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
  };
  std::unique_ptr<nl_msg, Free> message_;
};

// Attributes put while it lives are nested in one of type `type`.
class Nest {
 public:
  Nest(Message& message, int type) : message_(message), start_(message.begin_nest(type)) {}
  ~Nest() { message_.end_nest(start_); }
  Nest(const Nest&) = delete;
  Nest& operator=(const Nest&) = delete;

 private:
  Message& message_;
  nlattr* start_;
};

// The attributes of one level by type, checked against a policy. Borrows the bytes it was made of.
class Attributes {
 public:
  static constexpr int kTypeMax = 25;
  using Policy = std::array<nla_policy, kTypeMax + 1>;

  // Nothing when an attribute is too short or too long for its kind. Unknown types are skipped.
  static std::optional<Attributes> parse(const void* bytes, size_t size, const Policy& policy);
  std::optional<Attributes> nested(int type, const Policy& policy) const;

  bool has(int type) const { return table_[type] != nullptr; }
  std::span<const uint8_t> bytes(int type) const;  // Empty when absent, as all below are 0.
  uint8_t u8(int type) const { return number<uint8_t>(type); }
  uint16_t u16(int type) const { return number<uint16_t>(type); }
  uint32_t u32(int type) const { return number<uint32_t>(type); }
  uint64_t u64(int type) const { return number<uint64_t>(type); }
  uint16_t be16(int type) const;
  std::string string(int type) const;

 private:
  template <typename T>
  T number(int type) const {
    T value{};
    const auto raw = bytes(type);
    std::copy_n(raw.data(), std::min(raw.size(), sizeof value), reinterpret_cast<uint8_t*>(&value));
    return value;
  }

  std::array<nlattr*, kTypeMax + 1> table_{};
};

}  // namespace lvs::ipvs
