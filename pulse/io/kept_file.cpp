#include "pulse/io/kept_file.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>

#include "common/io/read_file.h"
#include "pulse/io/state_dir.h"

namespace lvs::pulse {
namespace {

namespace json = boost::json;

constexpr const char* kFile = "/pulse.kept";
constexpr const char* kStateFile = "peer";
constexpr size_t kFileMax = 4096;

std::optional<Mac> read_mac(const json::value& value) {
  Mac mac;
  int end = 0;
  const bool fits = value.is_string() && value.get_string().size() == 17 &&
                    std::sscanf(value.get_string().c_str(), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n",
                                &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &end) == 6 &&
                    end == 17;
  return fits ? std::optional(mac) : std::nullopt;
}

std::optional<Hold> read_hold(const json::object& object) {
  const json::value* hold = object.if_contains("hold");
  if (hold == nullptr || !hold->is_object()) {
    return std::nullopt;
  }
  const json::value* by = hold->get_object().if_contains("by");
  const json::value* since = hold->get_object().if_contains("since");
  return Hold{by != nullptr && by->is_string() ? std::string(by->get_string()) : "",
              since != nullptr && since->is_int64() ? since->get_int64() : 0};
}

}  // namespace

std::string write_kept(const Kept& kept) {
  json::array macs;
  for (const Mac& mac : kept.peer_macs) {
    macs.emplace_back(to_string(mac));
  }
  json::object object{{"term", kept.term}, {"peer_macs", std::move(macs)}};
  if (kept.hold) {
    object["hold"] = json::object{{"by", kept.hold->by}, {"since", kept.hold->since}};
  }
  return json::serialize(object) + "\n";
}

Kept read_kept(const std::string& text) {
  Kept kept;
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) {
    return kept;
  }
  const json::object& object = value.get_object();
  if (const json::value* term = object.if_contains("term"); term != nullptr) {
    kept.term = term->to_number<uint64_t>(error);
    kept.term = error ? 0 : kept.term;
  }
  kept.hold = read_hold(object);
  const json::value* macs = object.if_contains("peer_macs");
  if (macs == nullptr || !macs->is_array()) {
    return kept;
  }
  for (const json::value& each : macs->get_array()) {
    if (const auto mac = read_mac(each); mac && kept.peer_macs.size() < kMacsMax) {
      kept.peer_macs.push_back(*mac);
    }
  }
  return kept;
}

Kept load_kept(const std::string& run_dir, const Settings& settings) {
  const auto text = io::read_file(run_dir + kFile, kFileMax);
  if (text) {
    return read_kept(*text);
  }
  const auto older = io::read_file(file_beyond_boot(settings), kFileMax);
  Kept kept = older ? read_kept(*older) : Kept{};
  kept.term = 0;
  return kept;
}

Result<Ok> save_kept(const std::string& run_dir, const Kept& kept) {
  return io::write_file_atomically(run_dir + kFile, write_kept(kept), 0600);
}

std::string file_beyond_boot(const Settings& settings) {
  return state_file(settings, kStateFile);
}

}  // namespace lvs::pulse
