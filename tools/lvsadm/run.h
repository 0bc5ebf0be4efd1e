// Performs one command against a core and says what to print where. Whichever core it is, it is a
// function.
#pragma once

#include <functional>
#include <string>

#include "common/ipvs/codec.h"
#include "tools/lvsadm/kept.h"
#include "tools/lvsadm/options.h"
#include "tools/lvsadm/print.h"

namespace lvs::lvsadm {

struct Outcome {
  int status = 0;
  std::string out;
  std::string err;
};

constexpr int kRefused = 255;  // By the core; ipvsadm's status.
constexpr int kNoSuchThing =
    1;  // A listing of a service that is not there; a packet that is refused.

struct World {
  ipvs::Handler core;
  Names names;        // Used when -n is not given.
  Resolver resolver;  // For the lines of -R.
  std::string input;  // Standard input, for -R.
  std::function<Result<ipvs::Whereabouts>(const ipvs::WherePacket&)> where = {};
  std::function<Result<std::string>(Family)> mangle = {};  // As iptables-save prints it.
  std::function<Kept()> kept = [] { return Kept{}; };      // By lvsd, of this core.
};

// With lvsd dead or stopped its core can be read but not changed.
bool only_reads(const Command& command);
constexpr const char* kDeadNote =
    "lvsadm: lvsd is not running; this is what its core in the kernel holds\n";
constexpr const char* kStartingNote =
    "lvsadm: lvsd is starting; this is what its core in the kernel holds\n";
constexpr const char* kStoppedNote =
    "lvsadm: lvsd does not answer; this is what its core in the kernel holds\n";
constexpr const char* kOtherProgramNote =
    "lvsadm: the programs that forward are of another version than this lvsadm's, which was "
    "asked\n";
constexpr const char* kNoWhere =
    "--where asks the programs of the embedded core, and the core is the kernel's ip_vs, which "
    "cannot be asked.\nWhat it knows of a client: lvsadm -L -c -n";
constexpr const char* kNoTrace =
    "--trace shows what the programs of the embedded core do, and the core is the kernel's ip_vs, "
    "which cannot be watched so.\nIts connections: lvsadm -L -c -n; packets: tcpdump";
constexpr const char* kDeadRefusal =
    "lvsadm: lvsd is not running: its core in the kernel goes on forwarding, but its table cannot "
    "be changed.\nStart lvsd with `service pulse start`, or the core alone with `lvsd --core`.\n";
constexpr const char* kIdleRefusal =
    "lvsadm: lvsd is not running: its core in the kernel has let go and begins no connection, and "
    "its table cannot be changed.\nStart lvsd with `service pulse start`.\n";
constexpr const char* kStartingRefusal =
    "lvsadm: lvsd is starting: its table cannot be changed yet; ask again in a moment\n";

constexpr const char* kNoCoreYet =
    "lvsd is starting, and its core is not there yet: ask again in a moment";

// Help and Version need no core and are not for here.
Outcome run(const Command& command, const World& world);

}  // namespace lvs::lvsadm
