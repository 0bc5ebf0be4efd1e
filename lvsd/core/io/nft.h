// libnftables in process: runs a script as one transaction. The only file that knows the library,
// which is loaded for the first script: lvsd has no use for it while it drives the kernel's ip_vs.
// In a kernel without netfilter's netlink the library would end the process; here it is an error,
// EPROTONOSUPPORT. ELIBACC: the library is not installed.
#pragma once

#include <memory>
#include <string>

#include "common/result.h"

namespace lvs::core {

class Nft {
 public:
  Nft();
  ~Nft();
  Result<Ok> run(const std::string& script);

 private:
  struct Library;
  std::unique_ptr<Library> library_;  // None before the first script.
};

}  // namespace lvs::core
