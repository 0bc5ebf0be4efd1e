#include "lvsd/core/io/nft.h"

#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>

#include "common/io/unique_fd.h"

namespace lvs::core {

namespace {

Result<Ok> expect_netfilter() {
  const io::UniqueFd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)};
  return socket ? Result<Ok>(Ok{}) : os_error(errno, "nft: netlink of netfilter");
}

nft_ctx* new_context() {
  nft_ctx* context = nft_ctx_new(NFT_CTX_DEFAULT);
  nft_ctx_buffer_output(context);
  nft_ctx_buffer_error(context);
  return context;
}

}  // namespace

Nft::~Nft() {
  if (context_ != nullptr) {
    nft_ctx_free(context_);
  }
}

Result<Ok> Nft::run(const std::string& script) {
  if (context_ == nullptr) {
    if (auto there = expect_netfilter(); !there) {
      return there;
    }
    context_ = new_context();
  }
  if (nft_run_cmd_from_buffer(context_, script.c_str()) != 0) {
    const char* said = nft_ctx_get_error_buffer(context_);
    std::string first = said == nullptr ? "" : said;
    first.resize(std::min(first.find('\n'), first.size()));
    return Error{EIO, "nft: " + first};
  }
  return Ok{};
}

}  // namespace lvs::core
