#include "lvsd/io/sysctls.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "common/io/log_sink.h"
#include "common/io/read_file.h"
#include "common/io/unique_fd.h"
#include "lvsd/io/settings_record.h"

namespace lvs::lvsd::io {
namespace {

constexpr const char* kProc = "/proc/sys/";
constexpr const char* kRecordFile = "/sysctls";  // In the run directory.
constexpr size_t kValueMax = 4096;

Result<std::string> read_value(const std::string& name) {
  auto text = lvs::io::read_file(kProc + name, kValueMax);
  if (text && text->ends_with('\n')) {
    text->pop_back();
  }
  return text;
}

Result<Ok> write_value(const std::string& name, const std::string& value) {
  const lvs::io::UniqueFd file{::open((kProc + name).c_str(), O_WRONLY | O_CLOEXEC)};
  if (!file || ::write(file.get(), value.data(), value.size()) < 0) {
    return os_error(errno, "set " + name + " = " + value);
  }
  return Ok{};
}

// Remembered before it is done: after a crash the value is still known.
Result<Ok> set_one(const std::string& run_dir, const Sysctl& wanted, SettingsRecord& record) {
  const auto before = read_value(wanted.name);
  if (!before) {
    return before.error();
  }
  if (is_as_set(wanted, *before)) {
    return Ok{};
  }
  const auto known = record.find(wanted.name);
  record[wanted.name] = {known == record.end() ? *before : known->second.before, wanted.value};
  if (auto saved = save_settings(run_dir + kRecordFile, record); !saved) {
    return saved;
  }
  if (auto written = write_value(wanted.name, wanted.value); !written) {
    return written;
  }
  lvs::io::log({Level::notice,
                "sysctl-set",
                "",
                {{"name", wanted.name}, {"value", wanted.value}, {"was", *before}}});
  return Ok{};
}

// A switch that is not there any more (ip_vs was unloaded) has nothing to be put back.
Result<Ok> restore_one(const std::string& name, const SettingChange& change) {
  const auto now = read_value(name);
  if (!now || !is_as_set({name, change.given}, *now) || *now == change.before) {
    return Ok{};
  }
  if (auto written = write_value(name, change.before); !written) {
    return written;
  }
  lvs::io::log({Level::notice,
                "sysctl-restored",
                "",
                {{"name", name}, {"value", change.before}, {"was", change.given}}});
  return Ok{};
}

}  // namespace

Result<Ok> set_sysctls(const std::string& run_dir, const std::vector<Sysctl>& wanted) {
  SettingsRecord record = load_settings(run_dir + kRecordFile);
  std::optional<Error> failed;
  const auto note = [&](const Result<Ok>& done) {
    if (!done && !failed) {
      failed = done.error();
    }
    return static_cast<bool>(done);
  };
  const size_t remembered = record.size();
  std::erase_if(record, [&](const auto& entry) {
    const bool is_wanted = std::any_of(wanted.begin(), wanted.end(), [&](const auto& sysctl) {
      return sysctl.name == entry.first;
    });
    return !is_wanted && note(restore_one(entry.first, entry.second));
  });
  if (record.size() != remembered) {
    note(save_settings(run_dir + kRecordFile, record));
  }
  for (const auto& sysctl : wanted) {
    note(set_one(run_dir, sysctl, record));
  }
  return failed ? Result<Ok>(*failed) : Result<Ok>(Ok{});
}

std::vector<Sysctl> sysctls_otherwise(const std::vector<Sysctl>& wanted) {
  std::vector<Sysctl> others;
  for (const auto& sysctl : wanted) {
    const auto value = read_value(sysctl.name);
    if (value && !is_as_set(sysctl, *value)) {
      others.push_back({sysctl.name, *value});
    }
  }
  return others;
}

Result<Ok> restore_sysctls(const std::string& run_dir) {
  if (auto restored = set_sysctls(run_dir, {}); !restored) {
    return restored;
  }
  ::unlink((run_dir + kRecordFile).c_str());
  return Ok{};
}

}  // namespace lvs::lvsd::io
