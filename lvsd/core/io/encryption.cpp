#include "lvsd/core/io/encryption.h"

#include <linux/xfrm.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <memory>

namespace lvs::core {

namespace {

struct SocketDeleter {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};

// What lets packets pass as they are has no templates.
int note_policy(nl_msg* message, void* to) {
  const auto* header = nlmsg_hdr(message);
  if (header->nlmsg_type != XFRM_MSG_NEWPOLICY ||
      nlmsg_datalen(header) < static_cast<int>(sizeof(xfrm_userpolicy_info))) {
    return NL_OK;
  }
  const auto& policy = *static_cast<const xfrm_userpolicy_info*>(nlmsg_data(header));
  const bool changes_packets =
      policy.action == XFRM_POLICY_BLOCK ||
      nlmsg_find_attr(nlmsg_hdr(message), sizeof(xfrm_userpolicy_info), XFRMA_TMPL) != nullptr;
  *static_cast<bool*>(to) |= policy.dir == XFRM_POLICY_OUT && changes_packets;
  return NL_OK;
}

}  // namespace

bool encrypts_output() {
  const std::unique_ptr<nl_sock, SocketDeleter> socket(nl_socket_alloc());
  bool encrypts = false;
  xfrm_userpolicy_id ask{};
  return socket && nl_connect(socket.get(), NETLINK_XFRM) == 0 &&
         nl_socket_modify_cb(socket.get(), NL_CB_VALID, NL_CB_CUSTOM, note_policy, &encrypts) ==
             0 &&
         nl_send_simple(socket.get(), XFRM_MSG_GETPOLICY, NLM_F_DUMP, &ask, sizeof(ask)) >= 0 &&
         nl_recvmsgs_default(socket.get()) == 0 && encrypts;
}

}  // namespace lvs::core
