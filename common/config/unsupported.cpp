#include "common/config/unsupported.h"

#include <algorithm>

#include "common/ipvs/capabilities.h"

namespace lvs::config {

namespace {

using Entry = Blocks<VirtualService>::Entry;

constexpr const char* kRemedy = ": core = kernel does";

class EmbeddedCore {
 public:
  explicit EmbeddedCore(const Config& config) : config_(config) {}

  Diagnostics judge() {
    for (const auto& entry : config_.virtuals.entries()) {
      if (entry.block->in_use()) {
        count(entry);
      }
    }
    return std::move(found_);
  }

 private:
  // A sum that grows past what there is: said of the service that brings it there.
  struct Sum {
    size_t most;
    size_t used = 0;
    bool passes_with(size_t more) {
      const bool was_within = used <= most;
      used += more;
      return was_within && used > most;
    }
  };

  void count(const Entry& entry) {
    const VirtualService& service = *entry.block;
    const auto servers =
        static_cast<size_t>(std::count_if(service.servers.begin(), service.servers.end(),
                                          [](const auto& server) { return server.in_use(); }));
    const auto* scheduler = ipvs::find_named(ipvs::kSchedulers, service.scheduler);
    const uint32_t hash_slots = scheduler == nullptr ? 0 : scheduler->hash_slots;
    if (servers > ipvs::kEmbeddedServersOfService) {
      limit(entry, ipvs::kEmbeddedServersOfService, "servers of one service");
    }
    if (services_.passes_with(1)) {
      limit(entry, services_.most, "services");
    }
    if (servers_.passes_with(servers)) {
      limit(entry, servers_.most, "servers of all services");
    }
    if (slots_.passes_with(ipvs::kEmbeddedSlotsOfService + servers + hash_slots)) {
      limit(entry, slots_.most,
            "slots, of which scheduler = " + service.scheduler + " takes " +
                std::to_string(hash_slots) + " for each service");
    }
  }

  void limit(const Entry& entry, size_t most, const std::string& of_what) {
    found_.push_back(
        {Severity::unsupported, "", entry.line, "virtual",
         "the embedded core holds no more than " + std::to_string(most) + " " + of_what + kRemedy});
  }

  const Config& config_;
  Diagnostics found_;
  Sum services_{ipvs::kEmbeddedServices};
  Sum servers_{ipvs::kEmbeddedServers};
  Sum slots_{ipvs::kEmbeddedSlots};
};

// Who is meant to be kept out must not be let in without a word.
Diagnostics judge_kernel(const Config& config) {
  if (config.deny.empty()) {
    return {};
  }
  return {{Severity::unsupported, "", config.lines.of("deny"), "deny",
           "the kernel's ip_vs denies nobody: core = embedded does"}};
}

}  // namespace

Diagnostics unsupported(const Config& config) {
  if (config.service == ServiceMode::fos) {
    return {{Severity::unsupported, "", config.lines.of("service"), "service",
             "failover services are not run, and pulse does not start with them: use lvs"}};
  }
  return config.core == CoreKind::kernel ? judge_kernel(config) : EmbeddedCore(config).judge();
}

}  // namespace lvs::config
