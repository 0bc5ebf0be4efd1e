// Every broken file under data/broken says exactly what stands beside it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/config/parse.h"

namespace lvs::config {
namespace {

std::vector<std::filesystem::path> broken_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator("data/broken")) {
    if (entry.path().extension() == ".cf") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class BrokenFile : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(BrokenFile, SaysWhatIsExpected) {
  const auto& path = GetParam();
  const Parsed parsed = parse(contents(path), path.filename().string());
  std::string text;
  for (const auto& diagnostic : parsed.diagnostics) {
    EXPECT_GT(diagnostic.line, 0);
    text += diagnostic.severity == Severity::strict ? "" : to_string(diagnostic) + "\n";
  }
  EXPECT_EQ(text, contents(std::filesystem::path(path).replace_extension(".expect")));
  EXPECT_FALSE(parsed.config);
}

INSTANTIATE_TEST_SUITE_P(Data, BrokenFile, testing::ValuesIn(broken_files()), [](const auto& made) {
  std::string name = made.param.stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(BrokenFiles, AreAtLeastThirty) {
  EXPECT_GE(broken_files().size(), 30U);
}

}  // namespace
}  // namespace lvs::config
