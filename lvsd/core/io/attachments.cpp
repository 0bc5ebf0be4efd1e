#include "lvsd/core/io/attachments.h"

#include <algorithm>
#include <optional>

namespace lvs::core {

Attachments::Attachments(Programs& programs, std::function<void(const LogEvent&)> log)
    : programs_(programs), log_(std::move(log)) {
}

void Attachments::take_over() {
  for (const auto& device : core::devices()) {
    bool made_clsact = false;
    if (attached_program(device.index, Hook::nic_ingress) &&
        programs_.attach(device.index, Hook::nic_ingress, made_clsact) &&
        programs_.attach(device.index, Hook::nic_egress, made_clsact)) {
      attached_[device.name] = device.index;
    }
  }
  (void)look_for_links();
}

Result<bool> Attachments::put_pair_in_place() {
  const auto pair = ensure_pair();
  if (!pair) {
    return pair.error();
  }
  const bool is_first = pair_index_ == 0;
  const bool is_other = pair->index != pair_index_;
  pair_index_ = pair->index;
  if (is_other && !is_first) {
    count_repair("device ipvs0");
  }
  programs_.config().ipvs0 = static_cast<uint32_t>(pair->index);
  programs_.config().ipvs1 = static_cast<uint32_t>(pair->peer);
  const bool is_new = is_first || pair->made;
  if (auto ok = attach(kIpvs0, pair->index, Hook::ipvs0_egress, is_new); !ok) {
    return ok.error();
  }
  if (auto ok = attach(kIpvs1, pair->peer, Hook::ipvs1_ingress, is_new); !ok) {
    return ok.error();
  }
  return is_other;
}

Result<Ok> Attachments::put_devices_in_place(const std::vector<std::string>& names) {
  note_devices();
  std::map<std::string, int> now;
  std::optional<Error> first_error;
  for (const auto& device : wanted(names)) {
    const auto known = attached_.find(device.name);
    const bool is_new = known == attached_.end() || known->second != device.index;
    if (auto ok = attach_both(device, is_new); !ok) {
      log_({Level::error, "core-attach-failed", "", {{"error", ok.error().what}}});
      first_error = ok.error();
      continue;
    }
    now[device.name] = device.index;
  }
  for (const auto& [name, index] : attached_) {
    const bool is_kept = std::any_of(
        now.begin(), now.end(), [index = index](const auto& one) { return one.second == index; });
    if (!is_kept) {
      (void)detach(index, Hook::nic_ingress);
      (void)detach(index, Hook::nic_egress);
    }
  }
  attached_ = std::move(now);
  (void)look_for_links();
  return first_error ? Result<Ok>(*first_error) : Result<Ok>(Ok{});
}

std::vector<std::string> Attachments::devices() const {
  std::vector<std::string> names;
  for (const auto& [name, index] : attached_) {
    names.push_back(name);
  }
  return names;
}

bool Attachments::is_unopposed(int ifindex) const {
  return !linked_.contains(ifindex) && is_first_filter_at(ifindex);
}

std::vector<int> Attachments::unopposed() const {
  std::vector<int> indices;
  for (const auto& [name, index] : attached_) {
    if (is_unopposed(index)) {
      indices.push_back(index);
    }
  }
  return indices;
}

std::vector<std::string> Attachments::overtaken() const {
  std::vector<std::string> names;
  for (const auto& [name, index] : attached_) {
    if (!is_unopposed(index)) {
      names.push_back(name);
    }
  }
  return names;
}

bool Attachments::look_for_links() {
  std::set<int> linked;
  for (const auto& [name, index] : attached_) {
    if (has_links_at(index)) {
      linked.insert(index);
    }
  }
  const bool have_changed = linked != linked_;
  linked_ = std::move(linked);
  return have_changed;
}

void Attachments::count_repair(const std::string& what) {
  ++repairs_;
  log_({Level::warning, "core-repaired", "", {{"what", what}}});
}

// Whatever way packets of a service or a real server come: the administrator's devices, or all.
std::vector<Device> Attachments::wanted(const std::vector<std::string>& names) {
  auto all = core::devices();
  std::erase_if(all, [&](const Device& device) {
    const bool is_named =
        names.empty() || std::find(names.begin(), names.end(), device.name) != names.end();
    return !is_named || !device.is_ethernet || device.name == kIpvs0 || device.name == kIpvs1;
  });
  return all;
}

// By these the programs give packets back to the local stack: attached or not.
void Attachments::note_devices() {
  std::set<int> now;
  for (const auto& device : core::devices()) {
    lvs_device entry = programs_.device(device.index);
    std::copy(device.mac.begin(), device.mac.end(), entry.mac);
    if (auto ok = programs_.remember_device(device.index, entry); !ok) {
      log_({Level::error, "core-device-unknown", "", {{"error", ok.error().what}}});
    }
    now.insert(device.index);
  }
  for (const int index : noted_) {
    if (!now.contains(index)) {
      programs_.forget_device(index);
    }
  }
  noted_ = std::move(now);
}

Result<Ok> Attachments::attach_both(const Device& device, bool is_new) {
  bool made_clsact = false;
  if (auto ok = attach(device.name, device.index, Hook::nic_ingress, is_new, &made_clsact); !ok) {
    return ok;
  }
  if (made_clsact) {
    lvs_device entry = programs_.device(device.index);
    entry.own_clsact = 1;
    if (auto ok = programs_.remember_device(device.index, entry); !ok) {
      return ok;
    }
  }
  return attach(device.name, device.index, Hook::nic_egress, is_new);
}

Result<Ok> Attachments::attach(const std::string& name, int index, Hook hook, bool is_new,
                               bool* has_made_clsact) {
  bool made_clsact = false;
  const auto outcome = programs_.attach(index, hook, made_clsact);
  if (!outcome) {
    return outcome.error();
  }
  if (has_made_clsact != nullptr) {
    *has_made_clsact = made_clsact;
  }
  if (*outcome == AttachOutcome::attached && !is_new) {
    count_repair("TC filter on " + name);
  } else if (*outcome == AttachOutcome::attached && hook != Hook::nic_egress) {
    log_({Level::info, "core-attached", "", {{"device", name}}});
  }
  return Ok{};
}

}  // namespace lvs::core
