#include "nanny/io/curl.h"

#include <memory>

namespace lvs::nanny::io {

Result<const Curl*> load_curl() {
  static const Curl* curl = nullptr;
  if (curl != nullptr) {
    return curl;
  }
  auto loaded = std::make_unique<Curl>();
  if (const auto there = loaded->file.complete(); !there) {
    return there.error().in("http: install libcurl4");
  }
  if (const CURLcode ready = loaded->global_init(CURL_GLOBAL_DEFAULT); ready != CURLE_OK) {
    return Error{EIO, std::string("http: start libcurl: ") + loaded->easy_strerror(ready)};
  }
  // Never unloaded: its libraries have handlers that run when the process ends.
  return curl = loaded.release();
}

}  // namespace lvs::nanny::io
