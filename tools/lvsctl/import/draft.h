// What a file of another program says, as far as an lvs.cf can say it: the services that it asks
// for, and a remark for each line that is not, or not wholly, among them. Lines of the file that
// was read stand in SourceLines::block of services and servers. Values are within the ranges of
// lvs.cf; whether all of it makes an lvs.cf is settled later (settle.h).
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/config/model.h"
#include "tools/lvsadm/options.h"

namespace lvs::lvsctl::foreign {

constexpr size_t kServicesMax = 8191;
constexpr size_t kServersMax = 65536;  // Of all services together.
constexpr size_t kRemarksMax = 10'000;

enum class Carried {
  yes,
  no,
  doubtful,  // It is in the lvs.cf, and more may be missing.
};

struct Remark {
  int line = 0;  // Of the file that was read; 0: about the file as a whole.
  Carried carried = Carried::no;
  std::string text;
  bool operator==(const Remark&) const = default;
};

// What no file says, so that it must be given or guessed.
struct Hints {
  lvsadm::Resolver names;
  std::optional<Address> primary;
  std::optional<Address> backup;
  std::string device = "eth0";  // Of floating addresses without one.
};

class Draft {
 public:
  config::Globals globals;
  std::vector<config::VirtualService> services;
  std::vector<Remark> remarks;

  // This line says something that the lvs.cf will not: what to do about it is in the text.
  void leave(int line, std::string text) { remark({line, Carried::no, std::move(text)}); }
  void doubt(int line, std::string text) { remark({line, Carried::doubtful, std::move(text)}); }
  void note(int line, std::string text) { remark({line, Carried::yes, std::move(text)}); }

  // Where a service says what a key of its lvs.cf will hold; else the line of its block.
  void place(const config::VirtualService& service, const std::string& key, int line) {
    key_lines_[{service.lines.block, key}] = line;
  }
  int line_of(const config::VirtualService& service, const std::string& key) const;

  // Nothing, and a remark, where there are too many.
  void add(config::VirtualService service);
  // Likewise; a server that the service has already counts once.
  void add(config::VirtualService& service, config::RealServer server);

 private:
  void remark(Remark remark);

  size_t servers_ = 0;
  std::map<std::pair<int, std::string>, int> key_lines_;
};

// "192.0.2.10:80", "192.0.2.10:53-udp", "fwmark-80".
std::string name_of(const config::VirtualService& service);

}  // namespace lvs::lvsctl::foreign
