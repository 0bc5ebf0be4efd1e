#include "lvsd/core/io/nft.h"

#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>

#include "common/io/shared_library.h"
#include "common/io/unique_fd.h"

namespace lvs::core {

namespace {

Result<Ok> expect_netfilter() {
  const io::UniqueFd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)};
  return socket ? Result<Ok>(Ok{}) : os_error(errno, "nft: netlink of netfilter");
}

}  // namespace

// The library's functions, and a context of it.
struct Nft::Library {
  static Result<std::unique_ptr<Library>> load();
  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library();

  io::SharedLibrary file{"libnftables.so.1"};
  decltype(&nft_ctx_new) ctx_new = file["nft_ctx_new"];
  decltype(&nft_ctx_free) ctx_free = file["nft_ctx_free"];
  decltype(&nft_ctx_buffer_output) buffer_output = file["nft_ctx_buffer_output"];
  decltype(&nft_ctx_buffer_error) buffer_error = file["nft_ctx_buffer_error"];
  decltype(&nft_ctx_get_error_buffer) error_buffer = file["nft_ctx_get_error_buffer"];
  decltype(&nft_run_cmd_from_buffer) run = file["nft_run_cmd_from_buffer"];
  nft_ctx* context = nullptr;
};

Result<std::unique_ptr<Nft::Library>> Nft::Library::load() {
  if (const auto netfilter = expect_netfilter(); !netfilter) {
    return netfilter.error();
  }
  auto library = std::make_unique<Library>();
  if (const auto there = library->file.complete(); !there) {
    return there.error().in("nft: install libnftables1");
  }
  library->context = library->ctx_new(NFT_CTX_DEFAULT);
  library->buffer_output(library->context);
  library->buffer_error(library->context);
  return library;
}

Nft::Library::~Library() {
  if (context != nullptr) {
    ctx_free(context);
  }
}

Nft::Nft() = default;
Nft::~Nft() = default;

Result<Ok> Nft::run(const std::string& script) {
  if (!library_) {
    auto loaded = Library::load();
    if (!loaded) {
      return loaded.error();
    }
    library_ = std::move(*loaded);
  }
  if (library_->run(library_->context, script.c_str()) != 0) {
    const char* said = library_->error_buffer(library_->context);
    std::string first = said == nullptr ? "" : said;
    first.resize(std::min(first.find('\n'), first.size()));
    return Error{EIO, "nft: " + first};
  }
  return Ok{};
}

}  // namespace lvs::core
