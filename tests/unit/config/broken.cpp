// Every file under data/broken, and under data/brought the files that administrators bring along
// (configuration tools of all versions, how-tos, edited by hand), says exactly what stands beside
// it. What is broken does not load.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/config/parse.h"

namespace lvs::config {
namespace {

using Path = std::filesystem::path;

std::vector<Path> files_in(const char* folder) {
  std::vector<Path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".cf") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string contents(const Path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string said(Parsed parsed) {
  Diagnostics all = std::move(parsed.diagnostics);
  std::move(parsed.not_in_effect.begin(), parsed.not_in_effect.end(), std::back_inserter(all));
  std::stable_sort(all.begin(), all.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return a.line < b.line; });
  std::string text;
  for (const auto& diagnostic : all) {
    EXPECT_GT(diagnostic.line, 0);
    text += diagnostic.severity == Severity::strict ? "" : to_string(diagnostic) + "\n";
  }
  return text;
}

std::string expected(const Path& path) {
  return contents(Path(path).replace_extension(".expect"));
}

std::string name_of(const testing::TestParamInfo<Path>& made) {
  std::string name = made.param.stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class BrokenFile : public testing::TestWithParam<Path> {};

TEST_P(BrokenFile, SaysWhatIsExpected) {
  const Parsed broken = parse(contents(GetParam()), GetParam().filename().string());
  EXPECT_EQ(said(broken), expected(GetParam()));
  EXPECT_FALSE(broken.config);
}

INSTANTIATE_TEST_SUITE_P(Data, BrokenFile, testing::ValuesIn(files_in("data/broken")), name_of);

class BroughtFile : public testing::TestWithParam<Path> {};

TEST_P(BroughtFile, SaysWhatIsExpected) {
  const auto nobody = [](std::string_view) { return std::optional<Address>(); };
  EXPECT_EQ(said(parse(contents(GetParam()), GetParam().filename().string(), nobody)),
            expected(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Data, BroughtFile, testing::ValuesIn(files_in("data/brought")), name_of);

TEST(BrokenFiles, AreAtLeastThirty) {
  EXPECT_GE(files_in("data/broken").size(), 30U);
}

}  // namespace
}  // namespace lvs::config
