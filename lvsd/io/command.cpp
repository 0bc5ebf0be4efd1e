#include "lvsd/io/command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <memory>

#include "common/io/unique_fd.h"

namespace lvs::lvsd::io {

namespace {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;
using lvs::io::UniqueFd;

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return os_error(errno, "pipe");
  }
  return Pipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

// Default signal dispositions and an empty mask: a daemon's own would be inherited.
Result<pid_t> spawn(const std::vector<std::string>& words, const Pipe& in, const Pipe& out,
                    const Pipe& err) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, in.reader.get(), 0);
  ::posix_spawn_file_actions_adddup2(&files, out.writer.get(), 1);
  ::posix_spawn_file_actions_adddup2(&files, err.writer.get(), 2);
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> arguments;
  for (const auto& word : words) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  pid_t pid = 0;
  char path[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
  char* environment[] = {path, nullptr};
  const int failed =
      ::posix_spawnp(&pid, arguments[0], &files, &attributes, arguments.data(), environment);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  return failed == 0 ? Result<pid_t>(pid) : Result<pid_t>(os_error(failed, words[0]));
}

// Lives as long as something is still expected of the child: its output, its end, or the limit.
class Running : public std::enable_shared_from_this<Running> {
 public:
  Running(asio::io_context& io, std::string name, std::function<void(Result<std::string>)> done)
      : input_(io),
        output_(io),
        errors_(io),
        process_(io),
        limit_(io),
        name_(std::move(name)),
        done_(std::move(done)) {}

  void start(pid_t pid, UniqueFd process, Pipe in, Pipe out, Pipe err, std::string input,
             Duration limit) {
    pid_ = pid;
    text_ = std::move(input);
    process_.assign(process.release());
    input_.assign(in.writer.release());
    output_.assign(out.reader.release());
    errors_.assign(err.reader.release());
    auto self = shared_from_this();
    asio::async_write(input_, asio::buffer(text_),
                      [self](const boost::system::error_code&, size_t) { self->input_.close(); });
    read(output_, out_text_, out_chunk_);
    read(errors_, err_text_, err_chunk_);
    wait_for_end();
    limit_.expires_after(limit);
    limit_.async_wait([self](const boost::system::error_code& e) {
      if (!e && !self->reaped_) {
        self->timed_out_ = true;
        ::kill(self->pid_, SIGKILL);  // Not reaped, so the number is still its own.
      }
    });
  }

 private:
  using Chunk = std::array<char, 16384>;

  void read(stream_descriptor& from, std::string& into, Chunk& chunk) {
    ++open_streams_;
    read_more(from, into, chunk);
  }

  void read_more(stream_descriptor& from, std::string& into, Chunk& chunk) {
    from.async_read_some(asio::buffer(chunk), [self = shared_from_this(), &from, &into, &chunk](
                                                  const boost::system::error_code& e, size_t n) {
      into.append(chunk.data(), n);
      if (!e && into.size() <= kCommandOutputMax) {
        return self->read_more(from, into, chunk);
      }
      from.close();
      --self->open_streams_;
      self->finish();
    });
  }

  void wait_for_end() {
    process_.async_wait(
        stream_descriptor::wait_read,
        [self = shared_from_this()](const boost::system::error_code&) { self->reap(); });
  }

  // The wait also ends when there is no news: it says "look", not "it has ended".
  void reap() {
    siginfo_t info{};
    const int asked = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG);
    if (asked == 0 && info.si_pid == 0) {
      return wait_for_end();
    }
    status_ = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    reaped_ = true;
    limit_.cancel();
    finish();
  }

  void finish() {
    if (!reaped_ || open_streams_ > 0 || !done_) {
      return;
    }
    const auto done = std::exchange(done_, nullptr);
    if (timed_out_) {
      return done(Error{ETIMEDOUT, name_ + ": took too long and was killed"});
    }
    if (status_ != 0) {
      const std::string why = err_text_.substr(0, err_text_.find_last_not_of("\n") + 1);
      return done(Error{EIO, name_ + ": exit status " + std::to_string(status_) + ": " + why});
    }
    done(std::move(out_text_));
  }

  stream_descriptor input_, output_, errors_, process_;
  asio::steady_timer limit_;
  std::string name_;
  std::function<void(Result<std::string>)> done_;
  pid_t pid_ = 0;
  std::string text_, out_text_, err_text_;
  Chunk out_chunk_, err_chunk_;
  int open_streams_ = 0;
  int status_ = 0;
  bool reaped_ = false;
  bool timed_out_ = false;
};

Result<Ok> start(asio::io_context& io, const std::vector<std::string>& words, std::string& input,
                 Duration limit, const std::function<void(Result<std::string>)>& done) {
  auto in = make_pipe();
  auto out = make_pipe();
  auto err = make_pipe();
  for (const auto* made : {&in, &out, &err}) {
    if (!*made) {
      return made->error();
    }
  }
  const auto pid = spawn(words, *in, *out, *err);
  if (!pid) {
    return pid.error();
  }
  UniqueFd process{static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0))};
  if (!process) {
    const int failed = errno;
    ::kill(*pid, SIGKILL);
    ::waitpid(*pid, nullptr, 0);
    return os_error(failed, "pidfd_open");
  }
  std::make_shared<Running>(io, words[0], done)
      ->start(*pid, std::move(process), std::move(*in), std::move(*out), std::move(*err),
              std::move(input), limit);
  return Ok{};
}

}  // namespace

void run_command(asio::io_context& io, std::vector<std::string> words, std::string input,
                 Duration limit, std::function<void(Result<std::string>)> done) {
  const auto started = start(io, words, input, limit, done);
  if (!started) {
    asio::post(io, [done = std::move(done), error = started.error()] { done(error); });
  }
}

}  // namespace lvs::lvsd::io
