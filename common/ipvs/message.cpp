#include "common/ipvs/message.h"

#include <arpa/inet.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace lvs::ipvs {

Message::Message(const MessageHead& head, size_t room)
    : message_(nlmsg_alloc_size(NLMSG_HDRLEN + room)) {
  if (!message_) {
    throw std::bad_alloc();
  }
  nlmsghdr* header = nlmsg_put(message_.get(), head.port, head.seq, head.type, 0, head.flags);
  header->nlmsg_pid = head.port;  // libnl reads 0 as "fill in later"; here it is what it says.
  header->nlmsg_seq = head.seq;
}

Message::Message(const MessageHead& head, uint8_t command, size_t room)
    : Message(head, GENL_HDRLEN + room) {
  const genlmsghdr generic{.cmd = command, .version = 1, .reserved = 0};
  append(&generic, sizeof generic);
}

void Message::put_bytes(int type, const void* bytes, size_t size) {
  if (nla_put(message_.get(), type, static_cast<int>(size), bytes) < 0) {
    std::abort();
  }
}

void Message::put_be16(int type, uint16_t host_order) {
  put_u16(type, htons(host_order));
}

void Message::put_string(int type, const std::string& text) {
  // Up to the first NUL byte, as the receiver will read it.
  const std::string whole(text.c_str(), strnlen(text.c_str(), kNameBytesMax));
  put_bytes(type, whole.c_str(), whole.size() + 1);
}

void Message::append(const void* bytes, size_t size) {
  if (nlmsg_append(message_.get(), const_cast<void*>(bytes), size, NLMSG_ALIGNTO) < 0) {
    std::abort();
  }
}

nlattr* Message::begin_nest(int type) {
  nlattr* nest = nla_reserve(message_.get(), type, 0);
  if (nest == nullptr) {
    std::abort();
  }
  return nest;
}

void Message::end_nest(nlattr* nest) {
  nla_nest_end(message_.get(), nest);
}

std::vector<uint8_t> Message::bytes() const {
  const nlmsghdr* header = nlmsg_hdr(message_.get());
  const auto* first = reinterpret_cast<const uint8_t*>(header);
  return {first, first + header->nlmsg_len};
}

std::optional<Attributes> Attributes::parse(const void* bytes, size_t size, const Policy& policy) {
  Attributes attributes;
  auto* head = static_cast<nlattr*>(const_cast<void*>(bytes));
  auto* rules = const_cast<nla_policy*>(policy.data());
  if (nla_parse(attributes.table_.data(), kTypeMax, head, static_cast<int>(size), rules) < 0) {
    return std::nullopt;
  }
  return attributes;
}

std::optional<Attributes> Attributes::nested(int type, const Policy& policy) const {
  const auto inner = bytes(type);
  return parse(inner.data(), inner.size(), policy);
}

std::span<const uint8_t> Attributes::bytes(int type) const {
  if (!has(type)) {
    return {};
  }
  const auto* data = static_cast<const uint8_t*>(nla_data(table_[type]));
  return {data, static_cast<size_t>(nla_len(table_[type]))};
}

uint16_t Attributes::be16(int type) const {
  return ntohs(u16(type));
}

std::string Attributes::string(int type) const {
  const auto raw = bytes(type);
  const auto* text = reinterpret_cast<const char*>(raw.data());
  return raw.empty() ? std::string() : std::string(text, strnlen(text, raw.size()));
}

}  // namespace lvs::ipvs
