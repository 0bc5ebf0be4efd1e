// libnftables in process: runs a script as one transaction. The only file that knows the library.
#pragma once

#include <memory>
#include <string>

#include "common/result.h"

struct nft_ctx;

namespace lvs::core {

class Nft {
 public:
  Nft();
  ~Nft();
  Nft(const Nft&) = delete;
  Nft& operator=(const Nft&) = delete;
  Result<Ok> run(const std::string& script);

 private:
  nft_ctx* context_;
};

}  // namespace lvs::core
