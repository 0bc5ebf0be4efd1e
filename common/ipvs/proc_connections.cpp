// One line a connection: protocol, three ends (address in hexadecimal, port in hexadecimal), state,
// seconds to live, then the persistence engine's columns. IPv4 addresses are eight digits in host
// order, IPv6 ones are written out with colons.
#include "common/ipvs/proc_connections.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

namespace lvs::ipvs {
namespace {

constexpr size_t kColumns = 11;

std::array<std::string_view, kColumns> columns_of(std::string_view line) {
  std::array<std::string_view, kColumns> columns;
  for (std::string_view& column : columns) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    column = line.substr(0, line.find(' '));
    line.remove_prefix(column.size());
  }
  return columns;
}

template <typename T>
bool read_number(std::string_view text, int base, T& value) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return !text.empty() && error == std::errc() && stop == text.data() + text.size();
}

bool read_endpoint(std::string_view address, std::string_view port, Endpoint& endpoint) {
  uint32_t host_order = 0;
  if (address.size() == 8 && read_number(address, 16, host_order)) {
    endpoint.address = Address::v4(host_order);
  } else if (const auto parsed = Address::parse(address)) {
    endpoint.address = *parsed;
  } else {
    return false;
  }
  return read_number(port, 16, endpoint.port);
}

bool read_protocol(std::string_view name, uint8_t& protocol) {
  constexpr std::pair<std::string_view, uint8_t> kProtocols[] = {
      {"IP", 0}, {"TCP", 6}, {"UDP", 17}, {"SCTP", 132}};
  for (const auto& [known, number] : kProtocols) {
    if (name == known) {
      protocol = number;
      return true;
    }
  }
  return read_number(name, 10, protocol);
}

}  // namespace

Result<std::vector<Connection>> parse_proc_connections(std::string_view text) {
  std::vector<Connection> connections;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (number == 1) {
      continue;  // The titles.
    }
    const auto [protocol, client, client_port, virtual_address, virtual_port, server, server_port,
                state, expires, engine, engine_data] = columns_of(line);
    Connection c;
    if (!read_protocol(protocol, c.protocol) || !read_endpoint(client, client_port, c.client) ||
        !read_endpoint(virtual_address, virtual_port, c.virtual_service) ||
        !read_endpoint(server, server_port, c.destination) ||
        !read_number(expires, 10, c.expires_s)) {
      return Error{EBADMSG, "connection list, line " + std::to_string(number) + ": \"" +
                                std::string(line.substr(0, 200)) + "\""};
    }
    c.state = state;
    c.is_template = c.client.port == 0 && (state == "NONE" || state == "ASSURED");
    c.persistence_engine = engine;
    c.persistence_data = engine_data;
    connections.push_back(std::move(c));
  }
  return connections;
}

}  // namespace lvs::ipvs
