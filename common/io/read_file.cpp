#include "common/io/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "common/io/unique_fd.h"

namespace lvs::io {

namespace {

constexpr size_t kChunk = 65536;

}  // namespace

Result<std::string> read_file(const std::string& path, size_t size_max, std::string room) {
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) {
    return os_error(errno, path);
  }
  struct stat about = {};
  if (::fstat(fd.get(), &about) != 0) {
    return os_error(errno, path);
  }
  // A file that tells its size (those of /proc say 0) is read at once, with room to see that it
  // ends there.
  const auto told = static_cast<size_t>(about.st_size);
  std::string bytes = std::move(room);
  bytes.resize(told > 0 && told < size_max ? told + 1 : kChunk);
  size_t size = 0;
  for (;;) {
    const ssize_t n = ::read(fd.get(), bytes.data() + size, bytes.size() - size);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return os_error(errno, path);
    }
    size += static_cast<size_t>(n);
    if (size > size_max) {
      return Error{EFBIG, path + ": larger than " + std::to_string(size_max) + " bytes"};
    }
    if (n == 0) {
      bytes.resize(size);
      return bytes;
    }
    if (size == bytes.size()) {
      bytes.resize(size + kChunk);
    }
  }
}

namespace {

Result<Ok> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) {
      return os_error(errno, "write");
    }
    bytes.remove_prefix(n > 0 ? static_cast<size_t>(n) : 0);
  }
  if (::fsync(fd) != 0) {
    return os_error(errno, "fsync");
  }
  return Ok{};
}

Result<Ok> give_name(const std::string& beside, const std::string& path, Existing existing) {
  if (existing == Existing::replace) {
    return ::rename(beside.c_str(), path.c_str()) == 0 ? Result<Ok>(Ok{})
                                                       : os_error(errno, "rename");
  }
  // Unlike a rename, a link never takes the name away from a file that has it.
  if (::link(beside.c_str(), path.c_str()) != 0) {
    return Error{errno, std::strerror(errno)};
  }
  ::unlink(beside.c_str());
  return Ok{};
}

}  // namespace

Result<Ok> write_file_atomically(const std::string& path, std::string_view bytes, mode_t mode,
                                 Existing existing) {
  std::string beside = path + ".XXXXXX";
  const UniqueFd fd{::mkostemp(beside.data(), O_CLOEXEC)};
  if (!fd) {
    return os_error(errno, path);
  }
  auto written = write_all(fd.get(), bytes);
  if (written && ::fchmod(fd.get(), mode) != 0) {
    written = os_error(errno, "chmod");
  }
  if (written) {
    written = give_name(beside, path, existing);
  }
  if (!written) {
    ::unlink(beside.c_str());
    return written.error().in(path);
  }
  return Ok{};
}

}  // namespace lvs::io
