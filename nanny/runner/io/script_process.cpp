#include "nanny/runner/io/script_process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "common/io/spawn.h"

namespace lvs::nanny::runner::io {
namespace {

using lvs::io::UniqueFd;

enum class Stage : int { user_unknown, user_refused, exec };
struct Trouble {
  Stage stage;
  int code;
};
constexpr int kTroubleInChild = 3;

[[noreturn]] void give_up(Stage stage, int code) {
  const Trouble trouble{stage, code};
  [[maybe_unused]] const ssize_t written = ::write(kTroubleInChild, &trouble, sizeof trouble);
  ::_exit(lvs::io::kExitNotExecuted);
}

void limit(int resource, rlim_t most) {
  rlimit now{};
  ::getrlimit(static_cast<__rlimit_resource>(resource), &now);
  const rlimit wanted{std::min(now.rlim_max, most), std::min(now.rlim_max, most)};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &wanted);
}

void set_limits() {
  limit(RLIMIT_NPROC, kScriptProcessesMax);
  limit(RLIMIT_NOFILE, kScriptFilesMax);
  limit(RLIMIT_DATA, kScriptMemoryMax);
  limit(RLIMIT_FSIZE, kScriptFileSizeMax);
  limit(RLIMIT_CORE, 0);
}

// The names are looked up here, where a name service that hangs delays this script alone.
void become_user(const std::string& name) {
  errno = 0;
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr) {
    give_up(Stage::user_unknown, errno);
  }
  if (entry->pw_uid == ::geteuid() && entry->pw_uid != 0) {
    return;
  }
  if (::initgroups(name.c_str(), entry->pw_gid) != 0 ||
      ::setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) != 0 ||
      ::setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0 ||
      (entry->pw_uid != 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)) {
    give_up(Stage::user_refused, errno);
  }
}

void set_streams(int output, int errors, int trouble) {
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  ::dup2(trouble, kTroubleInChild);
  ::fcntl(kTroubleInChild, F_SETFD, FD_CLOEXEC);
  ::close_range(kTroubleInChild + 1, ~0U, 0);
}

// execvpe and not execve: a script without "#!" is the shell's, as it was for Piranha.
[[noreturn]] void become_script(const Script& script, int output, int errors, int trouble) {
  ::setpgid(0, 0);
  set_streams(output, errors, trouble);
  set_limits();
  if (!script.user.empty()) {
    become_user(script.user);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int number = 1; number < NSIG; ++number) {
    ::signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<char*> argv;
  for (const std::string& word : script.words) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  ::execvpe(argv[0], argv.data(), const_cast<char* const*>(lvs::io::kPlainEnvironment));
  give_up(Stage::exec, errno);
}

std::string why_not_executed(const Script& script, int code) {
  const std::string who = script.user.empty() ? "" : " as user " + script.user;
  std::string why = script.words[0] + who + ": " + std::strerror(code);
  if (code == EACCES) {
    return why + "; let this user read and execute it, or set script_user";
  }
  if (code == ENOENT && ::access(script.words[0].c_str(), F_OK) == 0) {
    return why + "; the interpreter of its first line is missing";
  }
  if (code == EAGAIN) {
    return why + "; its user has more than " + std::to_string(kScriptProcessesMax) + " processes";
  }
  return why;
}

}  // namespace

Result<ScriptProcess> start_script(const Script& script) {
  int output[2] = {-1, -1};
  int errors[2] = {-1, -1};
  int trouble[2] = {-1, -1};
  if (::pipe2(output, O_CLOEXEC | O_NONBLOCK) != 0 ||
      ::pipe2(errors, O_CLOEXEC | O_NONBLOCK) != 0 || ::pipe2(trouble, O_CLOEXEC) != 0) {
    return os_error(errno, "pipe");  // The supervisor ends with it, and so do its descriptors.
  }
  ScriptProcess process{-1, UniqueFd{output[0]}, UniqueFd{errors[0]}, UniqueFd{trouble[0]}};
  const UniqueFd ends[] = {UniqueFd{output[1]}, UniqueFd{errors[1]}, UniqueFd{trouble[1]}};
  for (const int fd : {output[1], errors[1]}) {
    ::fcntl(fd, F_SETFL, 0);  // The script's side blocks.
  }
  process.pid = ::fork();
  if (process.pid < 0) {
    return os_error(errno, "fork");
  }
  if (process.pid == 0) {
    become_script(script, output[1], errors[1], trouble[1]);
  }
  ::setpgid(process.pid, process.pid);  // Whoever comes first.
  return process;
}

std::optional<ScriptEnd> read_trouble(const Script& script, int trouble) {
  Trouble found{};
  if (::read(trouble, &found, sizeof found) != sizeof found) {
    return std::nullopt;
  }
  ScriptEnd end{ScriptEnd::How::refused, found.code, "", ""};
  switch (found.stage) {
    case Stage::user_unknown:
      end.said = found.code == 0 || found.code == ENOENT
                     ? "there is no user " + script.user +
                           "; create it (systemd-sysusers), or set script_user"
                     : std::string("looking for the user: ") + std::strerror(found.code);
      break;
    case Stage::user_refused:
      end.said = std::string("changing to this user: ") + std::strerror(found.code);
      break;
    case Stage::exec:
      end.how = ScriptEnd::How::exec_failed;
      end.said = why_not_executed(script, found.code);
      break;
  }
  return end;
}

}  // namespace lvs::nanny::runner::io
