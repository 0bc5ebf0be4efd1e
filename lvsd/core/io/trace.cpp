#include "lvsd/core/io/trace.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <string>

#include "lvsd/core/io/attached.h"
#include "lvsd/core/io/devices.h"
#include "lvsd/core/io/reading.h"
#include "lvsd/core/traced.h"

namespace lvs::core {

namespace {

constexpr const char* kAskMap = ".data.trace";
constexpr const char* kRingMap = "lvs_trace_ring";
constexpr int kPacketsAtOnce = 1024;

struct RingDeleter {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};

// One for all devices but while lvsd exchanges them.
std::set<uint32_t> attached_programs() {
  std::set<uint32_t> ids;
  for (const Device& device : devices()) {
    const std::vector<Hook> hooks = device.name == kIpvs0 ? std::vector{Hook::ipvs0_egress}
                                    : device.name == kIpvs1
                                        ? std::vector{Hook::ipvs1_ingress}
                                        : std::vector{Hook::nic_ingress, Hook::nic_egress};
    for (const Hook hook : hooks) {
      if (const auto id = attached_program(device.index, hook)) {
        ids.insert(*id);
      }
    }
  }
  return ids;
}

int64_t since_1970() {
  using namespace std::chrono;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto monotonic = seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
  return (duration_cast<nanoseconds>(system_clock::now().time_since_epoch()) - monotonic).count();
}

std::string device_name(uint32_t ifindex) {
  char name[IF_NAMESIZE] = "";
  return ::if_indextoname(ifindex, name) != nullptr ? name : "#" + std::to_string(ifindex);
}

// What the programs of one lvsd are asked, in their own memory.
class Asked {
 public:
  static Result<Asked> map(const FoundMap& found) {
    if (found.value_size != sizeof(lvs_trace)) {
      return other_version();
    }
    void* memory =
        ::mmap(nullptr, sizeof(lvs_trace), PROT_READ | PROT_WRITE, MAP_SHARED, found.fd.get(), 0);
    if (memory == MAP_FAILED) {
      return os_error(errno, "map what the BPF programs are asked");
    }
    Asked asked;
    asked.memory_ = static_cast<lvs_trace*>(memory);
    return asked.memory_->version == LVS_TRACE_VERSION ? Result<Asked>(std::move(asked))
                                                       : other_version();
  }
  static Error other_version() {
    return {EPROTO,
            "the attached programs are of another version than this program's, which "
            "cannot ask them: use the one that belongs to them, or restart lvsd"};
  }

  Asked(Asked&& other) noexcept { *this = std::move(other); }
  Asked& operator=(Asked&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(is_ours_, other.is_ours_);
    return *this;
  }
  ~Asked() {
    if (is_ours_) {
      set_on(0);
      until().store(0);
    }
    if (memory_ != nullptr) {
      ::munmap(memory_, sizeof(lvs_trace));
    }
  }

  Result<Ok> claim() {
    __u64 before = until().load();
    const uint64_t now = monotonic_ns();
    if (before > now || !until().compare_exchange_strong(before, now + LVS_TRACE_LEASE_NS)) {
      return other_trace();
    }
    is_ours_ = true;
    memory_->owner = static_cast<uint64_t>(::getpid());
    set_on(0);
    return Ok{};
  }
  void begin(const lvs_trace_filter& filter) {
    memory_->filter = filter;
    memory_->lost = 0;
    set_on(1);
  }
  // We may have been stopped for a while: then the programs have switched it off, and another may
  // have come since.
  Result<Ok> renew() {
    is_ours_ = memory_->owner == static_cast<uint64_t>(::getpid());
    if (!is_ours_) {
      return other_trace();
    }
    until().store(monotonic_ns() + LVS_TRACE_LEASE_NS);
    set_on(1);
    return Ok{};
  }
  uint64_t lost() const { return std::atomic_ref<__u64>(memory_->lost).load(); }

 private:
  Asked() = default;
  Error other_trace() const {
    return {EBUSY, "another trace runs, of process " + std::to_string(memory_->owner)};
  }
  std::atomic_ref<__u64> until() const { return std::atomic_ref<__u64>(memory_->until); }
  void set_on(uint32_t is_on) const { std::atomic_ref<__u32>(memory_->is_on).store(is_on); }

  lvs_trace* memory_ = nullptr;
  bool is_ours_ = false;
};

}  // namespace

// Those that are attached at one time.
class Trace::Programs {
 public:
  static Result<std::unique_ptr<Programs>> open(const ipvs::TraceFilter& filter) {
    auto maps = find_attached(Access::read);
    if (!maps) {
      return maps.error();
    }
    auto programs = std::make_unique<Programs>();
    programs->config_ = std::move((*maps)[static_cast<size_t>(Map::config)]);
    programs->ids_ = attached_programs();
    std::set<uint32_t> known;
    for (const uint32_t id : programs->ids_) {
      const FoundMap ask = map_of_program(id, kAskMap);
      const FoundMap ring = map_of_program(id, kRingMap);
      if (!ask.fd || !ring.fd) {
        return Asked::other_version();
      }
      if (known.insert(ask.id).second) {
        if (auto ok = programs->add(ask, ring); !ok) {
          return ok.error();
        }
      }
    }
    if (programs->asked_.empty()) {
      return Error{ENOENT, "no attached programs"};
    }
    ring_buffer__consume(programs->ring_.get());  // What an earlier trace left behind.
    for (Asked& asked : programs->asked_) {
      asked.begin(to_map(filter));
    }
    return programs;
  }

  const std::set<uint32_t>& ids() const { return ids_; }
  int readable_fd() const { return ring_buffer__epoll_fd(ring_.get()); }

  void read(const std::function<bool(const ipvs::TracedPacket&)>& show) {
    left_at_once_ = kPacketsAtOnce;
    show_ = &show;
    ring_buffer__consume(ring_.get());
    show_ = nullptr;
  }
  Result<Ok> renew() {
    since_1970_ = since_1970();
    for (Asked& asked : asked_) {
      if (auto ok = asked.renew(); !ok) {
        return ok;
      }
    }
    return Ok{};
  }
  uint64_t lost() const {
    uint64_t all = 0;
    for (const Asked& asked : asked_) {
      all += asked.lost();
    }
    return all;
  }
  bool is_armed() const {
    const uint32_t zero = 0;
    lvs_config config{};
    return bpf_map_lookup_elem(config_.get(), &zero, &config) == 0 && config.armed != 0;
  }

 private:
  Result<Ok> add(const FoundMap& ask, const FoundMap& ring) {
    auto asked = Asked::map(ask);
    if (!asked) {
      return asked.error();
    }
    if (auto ok = asked->claim(); !ok) {
      return ok;
    }
    asked_.push_back(std::move(*asked));
    if (!ring_) {
      ring_.reset(ring_buffer__new(ring.fd.get(), take, this, nullptr));
    } else if (ring_buffer__add(ring_.get(), ring.fd.get(), take, this) != 0) {
      return os_error(errno, "read another ring of the BPF programs");
    }
    return ring_ ? Result<Ok>(Ok{}) : os_error(errno, "read the ring of the BPF programs");
  }

  static int take(void* self, void* data, size_t size) {
    auto& programs = *static_cast<Programs*>(self);
    if (programs.show_ == nullptr || size < sizeof(lvs_trace_event)) {
      return 0;
    }
    const auto& event = *static_cast<const lvs_trace_event*>(data);
    const bool is_enough =
        !(*programs.show_)(traced_packet(event, programs.since_1970_, device_name));
    return is_enough || --programs.left_at_once_ == 0 ? -ECANCELED : 0;
  }

  std::set<uint32_t> ids_;
  io::UniqueFd config_;
  std::vector<Asked> asked_;
  std::unique_ptr<ring_buffer, RingDeleter> ring_;
  int64_t since_1970_ = since_1970();
  int left_at_once_ = 0;
  const std::function<bool(const ipvs::TracedPacket&)>* show_ = nullptr;
};

Trace::Trace(Trace&&) noexcept = default;
Trace& Trace::operator=(Trace&&) noexcept = default;
Trace::~Trace() = default;

Result<Trace> Trace::open(const ipvs::TraceFilter& filter) {
  auto programs = Programs::open(filter);
  if (!programs) {
    return programs.error();
  }
  Trace trace;
  trace.filter_ = filter;
  trace.programs_ = std::move(*programs);
  return trace;
}

int Trace::readable_fd() const {
  return programs_->readable_fd();
}

void Trace::read(const std::function<bool(const ipvs::TracedPacket&)>& show) {
  programs_->read(show);
}

Result<Trace::Renewed> Trace::renew() {
  if (auto ok = programs_->renew(); !ok) {
    return ok.error();
  }
  if (attached_programs() == programs_->ids()) {
    return Renewed::same;
  }
  lost_before_ += programs_->lost();
  programs_.reset();
  auto others = Programs::open(filter_);
  if (!others) {
    return others.error();
  }
  programs_ = std::move(*others);
  return Renewed::replaced;
}

uint64_t Trace::lost() const {
  return lost_before_ + (programs_ ? programs_->lost() : 0);
}

bool Trace::is_armed() const {
  return programs_->is_armed();
}

}  // namespace lvs::core
