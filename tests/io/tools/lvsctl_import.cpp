// lvsctl import with files: what it writes, what it does not touch, and how it ends.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tools/lvsctl/io/import_file.h"

namespace lvs::lvsctl {
namespace {

class Folder {
 public:
  Folder() { std::filesystem::create_directory(path_); }
  ~Folder() { std::filesystem::remove_all(path_); }

  std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text;
    return file(name);
  }
  std::string read(const std::string& name) const {
    std::ifstream stream(file(name));
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }

 private:
  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("lvsctl_import." + std::to_string(::getpid()));
};

int import_with(std::vector<std::string> words) {
  words.insert(words.begin(), "import");
  const auto arguments = parse_arguments(words);
  return arguments ? run_import(*arguments) : -1;
}

constexpr const char* kTable =
    "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m -w 1\n";

TEST(ImportFile, AFileIsWrittenAndNeverWrittenOverUnasked) {
  const Folder folder;
  const std::string table = folder.write("table", kTable);
  const std::string out = folder.file("lvs.cf");
  EXPECT_EQ(import_with({table, "--output", out, "--primary", "192.0.2.1"}), 0);
  EXPECT_THAT(folder.read("lvs.cf"), testing::HasSubstr("primary = 192.0.2.1\n"));
  EXPECT_EQ(import_with({table, "--output", out, "--primary", "192.0.2.2"}), 2);
  EXPECT_THAT(folder.read("lvs.cf"), testing::HasSubstr("primary = 192.0.2.1\n"));
  EXPECT_EQ(import_with({table, "--output", out, "--primary", "192.0.2.2", "--force"}), 0);
  EXPECT_THAT(folder.read("lvs.cf"), testing::HasSubstr("primary = 192.0.2.2\n"));
}

TEST(ImportFile, ItsEndSaysWhetherAllWasCarriedOver) {
  const Folder folder;
  const std::string out = folder.file("lvs.cf");
  testing::internal::CaptureStderr();
  EXPECT_EQ(import_with({folder.write("table", std::string(kTable) + "-C\n"), "--output", out}), 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("/table:3: not carried over: clear the table"));
  EXPECT_EQ(import_with({folder.write("empty", ""), "--output", out, "--force"}), 2);
  EXPECT_EQ(import_with({folder.file("missing")}), 2);
}

}  // namespace
}  // namespace lvs::lvsctl
