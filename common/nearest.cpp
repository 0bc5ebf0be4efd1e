#include "common/nearest.h"

#include <algorithm>
#include <array>

namespace lvs {
namespace {

constexpr size_t kFarthestGuess = 2;

// Two edits of a short word make another one.
size_t shortest_for(size_t distance) {
  return distance < 2 ? 2 : 5;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

struct Synonym {
  std::string_view word;
  std::string_view meant;
};
// Of words with two meanings the one that is known counts.
constexpr std::array<Synonym, 71> kSynonyms = {{
    {"yes", "1"},
    {"true", "1"},
    {"on", "1"},
    {"enabled", "1"},
    {"no", "0"},
    {"false", "0"},
    {"off", "0"},
    {"disabled", "0"},
    // Ways to a server.
    {"masq", "nat"},
    {"masquerade", "nat"},
    {"masquerading", "nat"},
    {"dnat", "nat"},
    {"dr", "direct"},
    {"dsr", "direct"},
    {"gate", "direct"},
    {"gatewaying", "direct"},
    {"route", "direct"},
    {"routing", "direct"},
    {"droute", "direct"},
    {"tun", "tunnel"},
    {"ipip", "tunnel"},
    // Schedulers.
    {"roundrobin", "rr"},
    {"leastconn", "lc"},
    {"leastconnection", "lc"},
    {"leastconnections", "lc"},
    {"weightedroundrobin", "wrr"},
    {"weightedleastconn", "wlc"},
    {"weightedleastconnection", "wlc"},
    {"source", "sh"},
    {"sourcehash", "sh"},
    {"sourcehashing", "sh"},
    {"sourceip", "sh"},
    {"iphash", "sh"},
    {"destinationhash", "dh"},
    {"destinationhashing", "dh"},
    {"maglev", "mh"},
    {"consistent", "mh"},
    {"failover", "fo"},
    {"overflow", "ovf"},
    {"neverqueue", "nq"},
    // Cores, and how packets reach them.
    {"ebpf", "embedded"},
    {"bpf", "embedded"},
    {"ipvs", "kernel"},
    {"lvs", "kernel"},
    {"xdp", "express"},
    {"fast", "express"},
    {"tc", "express"},
    {"netfilter", "stack"},
    {"input", "stack"},
    {"iptables", "stack"},
    // Checks and their options.
    {"connect", "tcp"},
    {"ssl", "https"},
    {"tls", "https"},
    {"web", "http"},
    {"url", "http"},
    {"misc", "script"},
    {"external", "script"},
    {"exec", "script"},
    {"command", "script"},
    {"icmp", "ping"},
    {"domain", "dns"},
    {"mail", "smtp"},
    {"datagram", "udp"},
    {"url", "path"},
    {"uri", "path"},
    {"virtualhost", "host"},
    {"request", "send"},
    {"payload", "send"},
    {"receive", "expect"},
    {"code", "status"},
    {"program", "command"},
}};

// "TCP_Connect": tcpconnect, or of its first part only: tcp.
std::string plain(std::string_view word, bool is_whole) {
  std::string letters;
  for (const char c : word) {
    const bool is_separator = c == '-' || c == '_' || c == '.' || c == '/' || c == ' ';
    if (is_separator && !is_whole) {
      break;
    }
    const bool is_upper = c >= 'A' && c <= 'Z';
    letters += is_separator ? "" : std::string(1, static_cast<char>(is_upper ? c + 32 : c));
  }
  return letters;
}

// The known word that is this one but for its letters' case, or that has it as a synonym.
std::string same(const std::vector<std::string>& known, const std::string& letters) {
  for (const auto& each : known) {
    if (plain(each, true) == letters) {
      return each;
    }
  }
  for (const auto& [word, meant] : kSynonyms) {
    if (word == letters && std::find(known.begin(), known.end(), meant) != known.end()) {
      return std::string(meant);
    }
  }
  return "";
}

}  // namespace

std::string nearest(const std::vector<std::string>& known, std::string_view word) {
  std::string best;
  size_t least = kFarthestGuess + 1;
  for (const auto& each : known) {
    const size_t distance = edit_distance(word, each);
    if (distance < least && std::min(word.size(), each.size()) >= shortest_for(distance)) {
      least = distance;
      best = each;
    }
  }
  return best;
}

std::string natural(const std::vector<std::string>& known, std::string_view word) {
  std::string best = same(known, plain(word, true));
  best = best.empty() ? nearest(known, word) : best;
  return best.empty() ? same(known, plain(word, false)) : best;
}

std::string did_you_mean(const std::vector<std::string>& known, std::string_view word) {
  const std::string best = natural(known, word);
  return best.empty() ? "" : "; did you mean " + best + "?";
}

}  // namespace lvs
