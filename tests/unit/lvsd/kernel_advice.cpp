#include "lvsd/kernel_advice.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd {
namespace {

using testing::HasSubstr;

TEST(KernelAdvice, NamesTheModuleOfASchedulerThatIsMissing) {
  const ipvs::Service service{.scheduler = "mh"};
  for (const ipvs::Request& request : {ipvs::Request(ipvs::NewService{web_key(), service}),
                                       ipvs::Request(ipvs::SetService{web_key(), service})}) {
    EXPECT_THAT(kernel_advice(request, ENOENT), HasSubstr("modprobe ip_vs_mh"));
  }
}

TEST(KernelAdvice, NamesTheRightThatIsMissingWhateverWasAsked) {
  for (const ipvs::Request& request :
       {ipvs::Request(ipvs::GetServices{}), ipvs::Request(ipvs::DelService{web_key()})}) {
    EXPECT_THAT(kernel_advice(request, EPERM), HasSubstr("CAP_NET_ADMIN"));
  }
}

TEST(KernelAdvice, TellsWhyNoSyncDaemonStarts) {
  ipvs::SyncDaemon daemon;
  daemon.interface = "eth9";
  EXPECT_THAT(kernel_advice(ipvs::NewDaemon{daemon}, ENODEV), HasSubstr("no device eth9"));
  EXPECT_THAT(kernel_advice(ipvs::NewDaemon{daemon}, EEXIST), HasSubstr("--stop-daemon master"));
}

TEST(KernelAdvice, IsSilentWhereTheErrorSpeaksForItself) {
  EXPECT_EQ(kernel_advice(ipvs::DelDest{web_key(), server_at(1)}, ENOENT), "");
  EXPECT_EQ(kernel_advice(ipvs::NewService{web_key(), {}}, EEXIST), "");
}

}  // namespace
}  // namespace lvs::lvsd
