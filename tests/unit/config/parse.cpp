#include "common/config/parse.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "common/config/not_in_effect.h"
#include "common/config/write.h"

namespace lvs::config {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Smoke, Golden) {
  for (const char* name : {"gui-nat", "wild-direct"}) {
    const auto parsed = parse(contents(std::string("data/golden/") + name + ".cf"), name);
    for (const auto& d : parsed.diagnostics) {
      std::cout << to_string(d) << "\n";
    }
    ASSERT_TRUE(parsed.config);
    for (const auto& d : not_in_effect(*parsed.config, name)) {
      std::cout << to_string(d) << "\n";
    }
    std::cout << write(*parsed.config);
    EXPECT_EQ(*parse(write(*parsed.config), "").config, *parsed.config);
  }
}

}  // namespace
}  // namespace lvs::config
