#include "pulse/io/command.h"

#include <unistd.h>

#include <csignal>

namespace lvs::pulse {
namespace {

[[noreturn]] void become(char* const* words) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGCHLD, SIGPIPE, SIGHUP, SIGTERM, SIGINT}) {
    ::signal(number, SIG_DFL);
  }
  ::setsid();
  ::execvp(words[0], words);
  ::_exit(127);
}

}  // namespace

std::vector<std::string> words_of(const std::string& command) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (const char c : command) {
    if (quote != 0) {
      quote = c == quote ? 0 : quote;
      word += quote != 0 ? std::string(1, c) : "";
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) {
        words.push_back(std::move(word));
      }
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) {
    words.push_back(std::move(word));
  }
  return words;
}

// fork() and not vfork(): the arbiter must not wait for the disk that the command is read from.
Result<Ok> start_command(const std::string& command) {
  std::vector<std::string> words = words_of(command);
  if (words.empty()) {
    return Ok{};
  }
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    become(pointers.data());
  }
  if (child < 0) {
    return os_error(errno, "start " + words[0]);
  }
  return Ok{};
}

void reap_commands_unseen() {
  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  action.sa_flags = SA_NOCLDWAIT;
  ::sigaction(SIGCHLD, &action, nullptr);
}

}  // namespace lvs::pulse
