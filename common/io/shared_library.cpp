#include "common/io/shared_library.h"

#include <dlfcn.h>

namespace lvs::io {

// With all that it needs: what is missing is known now, and not in the middle of a call.
SharedLibrary::SharedLibrary(const char* file)
    : handle_(found(::dlopen(file, RTLD_NOW | RTLD_LOCAL))) {
}

SharedLibrary::Symbol SharedLibrary::operator[](const char* name) {
  return {handle_ ? found(::dlsym(handle_.get(), name)) : nullptr};
}

Result<Ok> SharedLibrary::complete() const {
  return missing_.empty() ? Result<Ok>(Ok{}) : Error{ELIBACC, missing_};
}

void* SharedLibrary::found(void* address) {
  if (address == nullptr && missing_.empty()) {
    missing_ = ::dlerror();
  }
  return address;
}

void SharedLibrary::Close::operator()(void* handle) const {
  ::dlclose(handle);
}

}  // namespace lvs::io
