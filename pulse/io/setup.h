// What an arbiter starts from: the configuration, which of the two directors this machine is, the
// heartbeat paths and the shared key. Read at start and on reload; everything that is wrong is said
// at once, and nothing is touched before all of it is right.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/config/diagnostic.h"
#include "common/config/model.h"
#include "common/config/parse.h"
#include "common/result.h"
#include "pulse/io/heartbeat_socket.h"
#include "pulse/io/links.h"
#include "pulse/keys.h"
#include "pulse/settings.h"
#include "pulse/wire.h"

namespace lvs::pulse {

struct Setup {
  config::Config config;
  std::string text;  // Of the file.
  Settings settings;
  std::vector<HeartbeatRoute> routes;  // In the order of Settings::paths; none when alone.
  Keys keys;
};

struct SetupResult {
  std::vector<std::string> complaints;  // Warnings too; one line each.
  bool is_cut_short = false;            // Good to start with, not to change to.
  std::optional<Setup> setup;
  bool is_address_missing = false;  // The own one: it may come yet.
};

// `node`: known from an earlier setup; nothing: found from the machine's addresses.
SetupResult load_setup(const std::string& file, Links& links, const config::Resolver& resolve,
                       std::optional<Node> node = {});

// Of these devices, as far as they are there now.
std::vector<Mac> own_macs(const std::set<std::string>& devices, const Links& links);

// From a text that was the file's once.
SetupResult load_setup_from(const std::string& text, const std::string& file, Links& links,
                            const config::Resolver& resolve, Node node);

// For --check: the file alone, whatever machine this is.
bool check_configuration(const std::string& file, std::vector<std::string>& complaints);

}  // namespace lvs::pulse
