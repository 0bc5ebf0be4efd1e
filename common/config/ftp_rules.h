// What becomes of FTP's data connections, which come to ports of their own. With nat the director
// reads in the control connection, on port 21 alone, where they will go. With direct and tunnel it
// sees no answers: there only persistence brings them to the same server, by the service of port 21
// or by a mark that they carry as well.
#pragma once

#include "common/config/diagnostic.h"
#include "common/config/model.h"

namespace lvs::config {

// Warnings, for a service that is one of FTP by its port, its mark's ports or its check.
Diagnostics ftp_remarks(const Globals& globals, const VirtualService& service);

}  // namespace lvs::config
