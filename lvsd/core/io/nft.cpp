#include "lvsd/core/io/nft.h"

#include <nftables/libnftables.h>

namespace lvs::core {

Nft::Nft() : context_(nft_ctx_new(NFT_CTX_DEFAULT)) {
  nft_ctx_buffer_output(context_);
  nft_ctx_buffer_error(context_);
}

Nft::~Nft() {
  nft_ctx_free(context_);
}

Result<Ok> Nft::run(const std::string& script) {
  if (nft_run_cmd_from_buffer(context_, script.c_str()) != 0) {
    const char* said = nft_ctx_get_error_buffer(context_);
    std::string first = said == nullptr ? "" : said;
    first.resize(std::min(first.find('\n'), first.size()));
    return Error{EIO, "nft: " + first};
  }
  return Ok{};
}

}  // namespace lvs::core
