// The nft chain that cannot be written, for real: without CAP_NET_ADMIN the kernel refuses it. The
// command stands all the same, because the maps have it; the core says so and tries until the chain
// stands.
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <cstdio>

#include "common/io/unique_fd.h"
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

// An open link to a program that lets every packet pass.
class OthersProgram {
 public:
  explicit OthersProgram(const char* device) {
    const bpf_insn lets_pass[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = TC_ACT_UNSPEC},
        {.code = BPF_JMP | BPF_EXIT}};
    const io::UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "others", "GPL", lets_pass,
                                             std::size(lets_pass), nullptr));
    EXPECT_TRUE(program);
    constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
    link_ = io::UniqueFd(bpf_link_create(program.get(), static_cast<int>(::if_nametoindex(device)),
                                         kTcxIngress, nullptr));
    EXPECT_TRUE(link_) << "Linux 6.6 or later";
  }

 private:
  io::UniqueFd link_;
};

TEST_F(PacketPath, WhereAProgramOfOthersStandsBeforeOursTheChainLooksAtAllReplies) {
  const auto trusts_eth1 = [] { return chain().find("\"eth1\"") != std::string::npos; };
  const auto run_until = [this](auto is_so) {
    boost::asio::steady_timer patience(io, kPatience);
    bool is_over = false;
    patience.async_wait([&](const boost::system::error_code&) { is_over = true; });
    while (!is_so() && !is_over) {
      io.run_one();
    }
  };
  EXPECT_TRUE(trusts_eth1());
  {
    const OthersProgram before_ours("eth1");
    run_until([&] { return !trusts_eth1(); });
    EXPECT_FALSE(trusts_eth1());
  }
  run_until(trusts_eth1);
  EXPECT_TRUE(trusts_eth1());
}

}  // namespace
}  // namespace lvs::test
