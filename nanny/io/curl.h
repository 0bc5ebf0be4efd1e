// libcurl's functions, loaded with the first check that needs them: the library brings forty others
// along, which a nanny without HTTP checks neither waits for nor keeps in memory.
#pragma once

#include <curl/curl.h>

#include "common/io/shared_library.h"
#include "common/result.h"

namespace lvs::nanny::io {

struct Curl {
  lvs::io::SharedLibrary file{"libcurl.so.4"};
  decltype(&curl_global_init) global_init = file["curl_global_init"];
  decltype(&curl_easy_init) easy_init = file["curl_easy_init"];
  decltype(&curl_easy_setopt) easy_setopt = file["curl_easy_setopt"];
  decltype(&curl_easy_getinfo) easy_getinfo = file["curl_easy_getinfo"];
  decltype(&curl_easy_strerror) easy_strerror = file["curl_easy_strerror"];
  decltype(&curl_easy_cleanup) easy_cleanup = file["curl_easy_cleanup"];
  decltype(&curl_multi_init) multi_init = file["curl_multi_init"];
  decltype(&curl_multi_setopt) multi_setopt = file["curl_multi_setopt"];
  decltype(&curl_multi_add_handle) multi_add_handle = file["curl_multi_add_handle"];
  decltype(&curl_multi_remove_handle) multi_remove_handle = file["curl_multi_remove_handle"];
  decltype(&curl_multi_info_read) multi_info_read = file["curl_multi_info_read"];
  decltype(&curl_multi_socket_action) multi_socket_action = file["curl_multi_socket_action"];
  decltype(&curl_multi_cleanup) multi_cleanup = file["curl_multi_cleanup"];
  decltype(&curl_slist_append) slist_append = file["curl_slist_append"];
  decltype(&curl_slist_free_all) slist_free_all = file["curl_slist_free_all"];
};

// The process's one, initialised, for as long as the process lives. ELIBACC: it is not installed;
// the next call looks again.
Result<const Curl*> load_curl();

}  // namespace lvs::nanny::io
