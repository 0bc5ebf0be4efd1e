// A shared library that is loaded when it is first needed and not with the program: for those that
// only some configurations use, and that bring many others along (docs/decisions/0004).
//
//   struct Nft {
//     SharedLibrary file{"libnftables.so.1"};
//     decltype(&nft_ctx_new) ctx_new = file["nft_ctx_new"];
//   };
//   Nft nft;
//   if (const auto there = nft.file.complete(); !there) ...
#pragma once

#include <memory>
#include <string>

#include "common/result.h"

namespace lvs::io {

class SharedLibrary {
 public:
  // Converts to the pointer that the header's declaration says; nobody can check that it is so.
  struct Symbol {
    void* address;
    template <typename Function>
    operator Function*() const {
      return reinterpret_cast<Function*>(address);
    }
  };

  // file: the name by which the dynamic linker looks for it, with its version.
  explicit SharedLibrary(const char* file);

  // A null pointer when the library was not loaded or has no such function: complete() says so.
  Symbol operator[](const char* name);

  // ELIBACC, in the dynamic linker's words: what of it was not found first.
  Result<Ok> complete() const;

 private:
  struct Close {
    void operator()(void* handle) const;
  };
  void* found(void* address);

  std::string missing_;
  std::unique_ptr<void, Close> handle_;
};

}  // namespace lvs::io
