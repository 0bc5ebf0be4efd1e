// lvs.cf as the operator edits it: a few services and servers from a small space, so that keys
// collide and servers and checks are shared. A server may have a name instead of an address.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/config/model.h"
#include "common/names.h"
#include "common/rng.h"

namespace lvs::sim::servers {

constexpr const char* kDynamic = "dyn";  // Servers so called have a host name, their own.

class File {
 public:
  File(Rng& rng, bool with_names);

  void edit(Rng& rng);
  void edit_once(Rng& rng);
  // As lvsd reads it.
  config::Config read(Names& names) const;

 private:
  config::RealServer draw_server(Rng& rng);
  config::VirtualService draw_service(Rng& rng);
  void change_one_thing(config::VirtualService& service, Rng& rng);

  bool with_names_;
  config::Globals globals_;
  std::vector<config::VirtualService> services_;
  int serial_ = 0;
};

}  // namespace lvs::sim::servers
