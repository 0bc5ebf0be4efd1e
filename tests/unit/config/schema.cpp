#include "common/config/schema.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "common/config/doc.h"
#include "common/config/not_in_effect.h"

namespace lvs::config {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// What a table says the default is, read as if it stood in a file, gives the default.
template <typename B>
void expect_defaults_read_back(const std::vector<Key<B>>& keys) {
  std::set<std::string> names;
  for (const auto& key : keys) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name << " stands twice";
    EXPECT_NE(key.help, "") << key.name;
    if (key.fallback.empty()) {
      EXPECT_EQ(key.print(B{}).find_first_not_of("\""), std::string::npos) << key.name;
      continue;
    }
    B block;
    std::optional<unsigned> mask;
    std::vector<SourceLines::Name> hosts;
    bool is_ipv4_mask = false;
    std::vector<std::pair<Severity, std::string>> notes;
    const Resolver none;
    EXPECT_TRUE(key.read(split_words(key.fallback).words, block,
                         Notes{none, mask, notes, is_ipv4_mask, false, hosts}))
        << key.name;
    EXPECT_EQ(block, B{}) << key.name;
  }
}

TEST(Schema, TheDefaultsItPrintsAreTheDefaults) {
  expect_defaults_read_back(global_keys());
  expect_defaults_read_back(service_keys());
  expect_defaults_read_back(server_keys());
}

TEST(Schema, NoKeyIsBothKnownAndMisplaced) {
  for (const auto& misplaced : misplaced_keys()) {
    const auto is_it = [&](const auto& key) { return key.name == misplaced.key; };
    const bool known = misplaced.block.empty()
                           ? std::any_of(global_keys().begin(), global_keys().end(), is_it)
                       : misplaced.block == "virtual"
                           ? std::any_of(service_keys().begin(), service_keys().end(), is_it)
                           : std::any_of(server_keys().begin(), server_keys().end(), is_it);
    EXPECT_FALSE(known) << misplaced.key;
  }
}

TEST(Documents, TheManualPageIsWhatTheSchemaSays) {
  const std::string page = contents("../man/lvs.cf.5");
  EXPECT_EQ(refresh_page(page), page) << "run schema_doc on man/lvs.cf.5";
  EXPECT_NE(page.find(".It Ic keepalive\n"), std::string::npos);
}

TEST(Documents, TheExampleFileIsWhatTheSchemaSays) {
  EXPECT_EQ(example_file(), contents("../etc/lvs.cf.example"))
      << "run schema_doc --example for etc/lvs.cf.example";
}

TEST(Documents, TheExampleLoadsWithoutAWordEvenInPiranha) {
  const Parsed parsed = parse(example_file(), "lvs.cf.example");
  for (const auto& diagnostic : parsed.diagnostics) {
    ADD_FAILURE() << to_string(diagnostic);
  }
  ASSERT_TRUE(parsed.config);
  EXPECT_TRUE(parsed.not_in_effect.empty());
}

}  // namespace
}  // namespace lvs::config
