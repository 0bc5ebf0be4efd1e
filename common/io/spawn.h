// Starts a program of our own as a helper: sockets as its descriptors from 3 on and nothing else
// open beside the standard streams, a fixed small environment, and SIGKILL when we end, however
// that happens.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/io/unique_fd.h"
#include "common/result.h"

namespace lvs::io {

// What helpers and check scripts are given, whatever environment we were started with.
extern const char* const kPlainEnvironment[3];  // PATH, LANG, and the null that ends it.

constexpr int kFirstHelperDescriptor = 3;
constexpr int kExitNotExecuted = 127;

struct Helper {
  struct User {
    uid_t uid;
    gid_t gid;
  };
  std::string path;
  std::vector<std::string> words;  // The first is its name.
  std::vector<int> descriptors;    // Become 3, 4, ...
  std::optional<User> user;        // Nothing: ours. Another has no capabilities and gains none.
};

struct HelperProcess {
  pid_t pid = -1;
  UniqueFd handle;  // pidfd: readable when it has ended.
};

Result<HelperProcess> start_helper(const Helper& helper);

// The program of this name in the folder of the one that runs.
std::string program_beside_us(const std::string& name);

// Two ends of a SEQPACKET conversation, roomy, closed on exec.
Result<std::pair<UniqueFd, UniqueFd>> packet_pair();

// "killed by signal 9", "exit status 1", "could not be executed"
std::string how_it_ended(int wait_status);

}  // namespace lvs::io
