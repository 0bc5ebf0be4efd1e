/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of denied clients: prefixes of either family, each with a count of what was dropped for
 * it. While a family has none, one word of the configuration is all that is asked. */
#pragma once

#include "lvsd/bpf/drops.h"
#include "lvsd/bpf/family.h"

VERIFIED_ALONE int is_listed4(__be32 client) {
  const struct lvs_deny_key key = {.length = 32, .address = client};
  return bpf_map_lookup_elem(&lvs_denied, &key) != 0;
}

VERIFIED_ALONE int is_listed6(const struct address6* client) {
  struct lvs_deny_key6 key = {.length = 128};
  if (!client) {
    return 0;
  }
  copy_address(AF_INET6, key.address, client->word);
  return bpf_map_lookup_elem(&lvs_denied6, &key) != 0;
}

static __always_inline int is_denied(const int family, const struct lvs_config* config,
                                     const __be32* client) {
  return config->denied[family == AF_INET6] &&
         (family == AF_INET6 ? is_listed6((const struct address6*)client) : is_listed4(*client));
}

VERIFIED_ALONE int drop_denied4(__be32 client) {
  const struct lvs_deny_key key = {.length = 32, .address = client};
  struct lvs_denied* denied = bpf_map_lookup_elem(&lvs_denied, &key);
  if (denied) {
    __sync_fetch_and_add(&denied->packets, 1);
  }
  return drop(LVS_DROP_DENIED);
}

VERIFIED_ALONE int drop_denied6(const struct address6* client) {
  struct lvs_deny_key6 key = {.length = 128};
  if (client) {
    copy_address(AF_INET6, key.address, client->word);
  }
  struct lvs_denied* denied = bpf_map_lookup_elem(&lvs_denied6, &key);
  if (denied) {
    __sync_fetch_and_add(&denied->packets, 1);
  }
  return drop(LVS_DROP_DENIED);
}

static __always_inline int drop_denied(const int family, const __be32* client) {
  return family == AF_INET6 ? drop_denied6((const struct address6*)client) : drop_denied4(*client);
}
