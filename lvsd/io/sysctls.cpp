#include "lvsd/io/sysctls.h"

#include <fcntl.h>
#include <unistd.h>

#include <map>
#include <sstream>

#include "common/io/log_sink.h"
#include "common/io/read_file.h"
#include "common/io/unique_fd.h"

namespace lvs::lvsd::io {
namespace {

constexpr const char* kProc = "/proc/sys/";
constexpr const char* kRecordFile = "/sysctls";
constexpr size_t kValueMax = 4096;

struct Change {
  std::string before;
  std::string given;
};
using Record = std::map<std::string, Change>;

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

Record load(const std::string& run_dir) {
  Record record;
  const auto text = lvs::io::read_file(run_dir + kRecordFile);
  std::istringstream lines(text ? *text : "");
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    Change change;
    if (words >> name >> change.before >> change.given) {
      record[name] = change;
    }
  }
  return record;
}

Result<Ok> save(const std::string& run_dir, const Record& record) {
  std::string text;
  for (const auto& [name, change] : record) {
    text += name + " " + change.before + " " + change.given + "\n";
  }
  return lvs::io::write_file_atomically(run_dir + kRecordFile, text, 0600);
}

}  // namespace

Result<Ok> set_sysctls(const std::string& run_dir, const std::vector<Sysctl>& wanted) {
  Record record = load(run_dir);
  for (const auto& [name, value] : wanted) {
    const auto before = read_value(name);
    if (!before) {
      return before.error();
    }
    if (*before == value) {
      continue;
    }
    const auto known = record.find(name);
    record[name] = {known == record.end() ? *before : known->second.before, value};
    if (auto saved = save(run_dir, record); !saved) {
      return saved;
    }
    if (auto written = write_value(name, value); !written) {
      return written;
    }
    lvs::io::log(
        {Level::notice, "sysctl-set", "", {{"name", name}, {"value", value}, {"was", *before}}});
  }
  return Ok{};
}

Result<Ok> restore_sysctls(const std::string& run_dir) {
  for (const auto& [name, change] : load(run_dir)) {
    const auto now = read_value(name);
    if (!now || *now != change.given) {
      continue;
    }
    if (auto written = write_value(name, change.before); !written) {
      return written;
    }
  }
  ::unlink((run_dir + kRecordFile).c_str());
  return Ok{};
}

}  // namespace lvs::lvsd::io
