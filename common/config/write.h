// A Config as the text of an lvs.cf, in the order and with the indents of Piranha's configuration
// tool, so that files of both can be compared. Law: parse(write(parse(x))) == parse(x).
#pragma once

#include <string>

#include "common/config/model.h"

namespace lvs::config {

std::string write(const Config& config);

}  // namespace lvs::config
