// The words for errors of a core that administrators know from ipvsadm.
#pragma once

#include <string>

#include "common/ipvs/request.h"
#include "common/result.h"

namespace lvs::lvsadm {

// "Service already exists" for EEXIST of NewService, and so on; what the core said where ipvsadm
// has no words.
std::string error_text(const ipvs::Request& request, const Error& error);

}  // namespace lvs::lvsadm
