#include "common/ipvs/io/kernel_settings.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>

#include "common/io/read_file.h"
#include "common/io/unique_fd.h"

namespace lvs::ipvs::io {
namespace {

constexpr const char* kFolder = "/proc/sys/net/ipv4/vs";
constexpr size_t kBytesMax = 256;

bool is_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::islower(c) || std::isdigit(c) || c == '_';
  });
}

std::optional<uint32_t> number(const std::string& text) {
  uint32_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  const bool is_whole = stopped == end || (stopped + 1 == end && *stopped == '\n');
  return error == std::errc{} && is_whole ? std::optional(value) : std::nullopt;
}

}  // namespace

Result<Reply> set_kernel_setting(const SetSetting& request) {
  if (!is_name(request.name)) {
    return Error{ENOENT, "no setting " + request.name};
  }
  const std::string path = std::string(kFolder) + "/" + request.name;
  const lvs::io::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(request.value);
  if (!file || ::write(file.get(), text.data(), text.size()) < 0) {
    return os_error(errno, path);
  }
  return Reply(Ack{});
}

Result<Reply> kernel_settings() {
  std::vector<SettingStatus> all;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder, error)) {
    const auto text = lvs::io::read_file(entry.path().string(), kBytesMax);
    if (const auto value = text ? number(*text) : std::nullopt) {
      all.push_back({entry.path().filename().string(), *value});
    }
  }
  if (error) {
    return Error{error.value(),
                 std::string(kFolder) + ": " + error.message() + " (is ip_vs loaded?)"};
  }
  std::sort(all.begin(), all.end(),
            [](const auto& one, const auto& other) { return one.name < other.name; });
  return Reply(std::move(all));
}

}  // namespace lvs::ipvs::io
