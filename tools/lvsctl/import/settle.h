// A draft becomes the text of an lvs.cf that loads, and that its core can serve: what the rules of
// lvs.cf do not allow is taken out again, with a remark at the line that asked for it. Law: check()
// calls whatever is written good.
#pragma once

#include <string>

#include "common/result.h"
#include "tools/lvsctl/import/draft.h"

namespace lvs::lvsctl::foreign {

// ENOMSG: no service is left. Any other error is a mistake of ours.
Result<std::string> settle(Draft& draft, const Hints& hints);

}  // namespace lvs::lvsctl::foreign
