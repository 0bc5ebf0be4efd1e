// Our programs on the devices of this network namespace: attached to ipvs0, ipvs1 and to every
// device by which packets of a service may come, followed as devices come and go, put back where
// somebody took them away.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/log.h"
#include "common/result.h"
#include "lvsd/core/io/devices.h"
#include "lvsd/core/io/programs.h"

namespace lvs::core {

class Attachments {
 public:
  Attachments(Programs& programs, std::function<void(const LogEvent&)> log);

  // Devices on which an earlier process attached: theirs are replaced, not repaired.
  void take_over();
  // The pair ipvs0/ipvs1, made where it is missing, with our programs. True: it is another pair
  // than before, and what belongs to ipvs0 must be made anew.
  Result<bool> put_pair_in_place();
  // All other devices; empty `names`: whatever can carry a program. The first error, after all were
  // tried.
  Result<Ok> put_devices_in_place(const std::vector<std::string>& names);

  std::vector<std::string> devices() const;
  // By index, those whose packets our program is the first to see; by name, the others.
  std::vector<int> unopposed() const;
  std::vector<std::string> overtaken() const;
  // Programs of others come and go by links, too, which nobody announces. True: some did.
  bool look_for_links();

  // Counts it, and tells.
  void count_repair(const std::string& what);
  uint64_t repairs() const { return repairs_; }

 private:
  bool is_unopposed(int ifindex) const;
  static std::vector<Device> wanted(const std::vector<std::string>& names);
  void note_devices();
  Result<Ok> attach_both(const Device& device, bool is_new);
  Result<Ok> attach(const std::string& name, int index, Hook hook, bool is_new,
                    bool* has_made_clsact = nullptr);

  Programs& programs_;
  std::function<void(const LogEvent&)> log_;
  int pair_index_ = 0;
  std::map<std::string, int> attached_;
  std::set<int> noted_;
  std::set<int> linked_;  // With programs of others before ours.
  uint64_t repairs_ = 0;
};

}  // namespace lvs::core
