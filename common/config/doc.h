// The parts of lvs.cf(5) and of the example file that are made from the schema, so that neither can
// say anything else than the parser does. `schema_doc` prints them; a test holds the committed
// files to it.
#pragma once

#include <string>
#include <string_view>

namespace lvs::config {

// The page with the text between each pair of lines
//   .\" begin NAME        (globals, services, servers, checks, later)
//   .\" end NAME
// made anew.
std::string refresh_page(std::string_view page);

// etc/lvs.cf.example: every key with its help; it loads as it is.
std::string example_file();

}  // namespace lvs::config
