// schema_doc PAGE: lvs.cf(5) with its generated parts made anew; schema_doc --example: the example
// file. Both go to standard output; the files in the tree are what this prints.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "common/config/doc.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: schema_doc --example | PAGE\n", stderr);
    return 2;
  }
  const std::string argument = argv[1];
  if (argument == "--example") {
    std::fputs(lvs::config::example_file().c_str(), stdout);
    return 0;
  }
  std::ifstream file(argument, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "schema_doc: cannot read %s\n", argument.c_str());
    return 1;
  }
  const std::string page(std::istreambuf_iterator<char>(file), {});
  std::fputs(lvs::config::refresh_page(page).c_str(), stdout);
  return 0;
}
