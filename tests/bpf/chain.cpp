// The nft chain that cannot be written, for real: without CAP_NET_ADMIN the kernel refuses it. The
// command stands all the same, because the maps have it; the core says so and tries until the chain
// stands.
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <cstdio>

#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto kPatience = 30s;

// Gives CAP_NET_ADMIN up, and takes it again.
class WithoutNetAdmin {
 public:
  WithoutNetAdmin() {
    EXPECT_EQ(::syscall(SYS_capget, &header_, had_), 0);
    __user_cap_data_struct less[2] = {had_[0], had_[1]};
    less[0].effective &= ~(1U << CAP_NET_ADMIN);
    EXPECT_EQ(::syscall(SYS_capset, &header_, less), 0);
  }
  ~WithoutNetAdmin() { ::syscall(SYS_capset, &header_, had_); }
  WithoutNetAdmin(const WithoutNetAdmin&) = delete;
  WithoutNetAdmin& operator=(const WithoutNetAdmin&) = delete;

 private:
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct had_[2]{};
};

std::string chain() {
  std::string text;
  FILE* nft = ::popen("nft list table ip lvs 2>&1", "r");
  for (int c = 0; (c = std::fgetc(nft)) != EOF;) {
    text += static_cast<char>(c);
  }
  ::pclose(nft);
  return text;
}

TEST_F(PacketPath, AChainThatCannotBeWrittenIsToldAndTriedUntilItStands) {
  ask(ipvs::NewService{kWeb, {.scheduler = "rr"}});
  {
    const WithoutNetAdmin refused;
    ask(ipvs::NewService{kNames, {.scheduler = "rr"}});
    ask(ipvs::DelService{kWeb});
    EXPECT_THAT(core->status().chain_error, Not(IsEmpty()));
  }
  EXPECT_THAT(chain(), Not(HasSubstr("192.0.2.100 . udp . 53")));
  boost::asio::steady_timer patience(io, kPatience);
  bool is_over = false;
  patience.async_wait([&](const boost::system::error_code&) { is_over = true; });
  while (!core->status().chain_error.empty() && !is_over) {
    io.run_one();
  }
  EXPECT_EQ(core->status().chain_error, "");
  EXPECT_THAT(chain(), HasSubstr("192.0.2.100 . udp . 53"));
  EXPECT_THAT(chain(), Not(HasSubstr("192.0.2.100 . tcp . 80")));
}

}  // namespace
}  // namespace lvs::test
