// vrrp_instance blocks of keepalived.conf: who the directors are, how fast they notice each other's
// end, on which devices the addresses float.
#pragma once

#include <map>
#include <vector>

#include "tools/lvsctl/import/keepalived_tree.h"

namespace lvs::lvsctl::foreign {

class Vrrp {
 public:
  explicit Vrrp(Draft& draft) : draft_(draft) {}

  void read(const Statement& instance);
  // Once all services are known: their addresses get devices and netmasks, and what is left of the
  // addresses becomes the servers' gateway.
  void place_addresses();

 private:
  struct Floating {
    int line = 0;
    config::FloatingAddress address;
  };

  void take(const Statement& each, const std::string& device);
  void take_own(const Statement& each);
  void take_timing(const Statement& each);
  void take_peers(const Statement& each);
  void take_addresses(const Statement& list, const std::string& device);
  void take_address(const Statement& each, const std::string& device);
  void take_place(const Statement& each, config::FloatingAddress& address);
  void take_command(const Statement& each, std::string& command);
  void name_directors(const Statement& instance);
  // These take out what they have used.
  void choose_gateway(std::vector<Floating>& unused);
  void give_to_marks(std::vector<Floating>& unused);

  Draft& draft_;
  bool is_first_ = true;
  bool is_master_ = false;
  std::optional<Address> own_;
  std::optional<Address> peer_;
  int own_line_ = 0;
  int peer_line_ = 0;
  std::map<Address, Floating> floating_;
};

}  // namespace lvs::lvsctl::foreign
