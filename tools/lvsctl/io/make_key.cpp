#include "tools/lvsctl/io/make_key.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <set>
#include <utility>

#include "common/config/parse.h"
#include "common/io/resolve.h"
#include "tools/lvsctl/key.h"

namespace lvs::lvsctl {

namespace {

std::set<Address> own_addresses() {
  std::set<Address> own;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) {
    return own;
  }
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr != nullptr && each->ifa_addr->sa_family == AF_INET) {
      own.insert(Address::v4_bytes(&reinterpret_cast<sockaddr_in*>(each->ifa_addr)->sin_addr));
    } else if (each->ifa_addr != nullptr && each->ifa_addr->sa_family == AF_INET6) {
      own.insert(Address::v6_bytes(&reinterpret_cast<sockaddr_in6*>(each->ifa_addr)->sin6_addr));
    }
  }
  ::freeifaddrs(list);
  return own;
}

Result<Ok> write_key(const std::string& file, io::Existing existing) {
  std::array<uint8_t, kKeyBytes> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return os_error(errno, "getrandom");
  }
  auto written = io::write_file_atomically(file, key_text(random), 0600, existing);
  if (!written && written.error().code == EEXIST) {
    return Error{EEXIST, written.error().what +
                             ": the directors may be using it; copy it to the other one, or say "
                             "--force and replace it on both"};
  }
  return written;
}

Result<config::Config> read_config(const std::string& file) {
  const auto text = io::read_file(file, config::kMaxFileBytes);
  if (!text) {
    return text.error();
  }
  auto parsed = config::parse(*text, file, io::resolve, config::Severity::error);
  if (!parsed.config) {
    return Error{EINVAL, to_string(parsed.diagnostics.front()) + " (see lvsctl check)"};
  }
  return std::move(*parsed.config);
}

}  // namespace

Result<std::string> make_key(const std::optional<std::string>& config_file, WhichKey which,
                             io::Existing existing, const std::string& default_config) {
  auto config = read_config(config_file.value_or(default_config));
  if (!config && config.error().code == ENOENT && !config_file) {
    config = config::Config{};
  }
  if (!config) {
    return config.error();
  }
  const auto file = key_file(*config, config_file.value_or(default_config), which);
  if (!file) {
    return file.error();
  }
  if (const auto written = write_key(*file, existing); !written) {
    return written.error();
  }
  const std::set<Address> own = own_addresses();
  return next_steps(*config, *file, which, [&](const Address& each) { return own.contains(each); });
}

}  // namespace lvs::lvsctl
