// libnftables in process: runs a script as one transaction. The only file that knows the library.
// In a kernel without netfilter's netlink the library would end the process; here it is an error,
// EPROTONOSUPPORT.
#pragma once

#include <memory>
#include <string>

#include "common/result.h"

struct nft_ctx;

namespace lvs::core {

class Nft {
 public:
  Nft() = default;
  ~Nft();
  Nft(const Nft&) = delete;
  Nft& operator=(const Nft&) = delete;
  Result<Ok> run(const std::string& script);

 private:
  nft_ctx* context_ = nullptr;  // Made when it is first needed.
};

}  // namespace lvs::core
