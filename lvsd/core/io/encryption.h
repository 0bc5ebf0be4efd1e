// Whether policies of IPsec (xfrm) are about what this network namespace sends. A redirect does not
// ask them: then the stack must send.
#pragma once

namespace lvs::core {

// A policy about outgoing packets that encrypts or blocks. A kernel without xfrm has none.
bool encrypts_output();

}  // namespace lvs::core
