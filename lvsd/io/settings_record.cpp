#include "lvsd/io/settings_record.h"

#include <sstream>

#include "common/io/read_file.h"

namespace lvs::lvsd::io {

SettingsRecord load_settings(const std::string& file) {
  SettingsRecord record;
  const auto text = lvs::io::read_file(file);
  std::istringstream lines(text ? *text : "");
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    SettingChange change;
    if (words >> name >> change.before >> change.given) {
      record[name] = change;
    }
  }
  return record;
}

Result<Ok> save_settings(const std::string& file, const SettingsRecord& record) {
  std::string text;
  for (const auto& [name, change] : record) {
    text += name + " " + change.before + " " + change.given + "\n";
  }
  return lvs::io::write_file_atomically(file, text, 0600);
}

}  // namespace lvs::lvsd::io
