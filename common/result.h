// Errors are values that say what was being done. Result<T> holds a T or an Error; an Error is an
// errno-like code and a sentence that grows as it rises: "add destination 10.0.0.2:80: netlink: No
// such process".
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace lvs {

struct Error {
  int code = EIO;  // errno value; what the sentence cannot express to a program.
  std::string what;

  // The same error, told from one level further up.
  Error in(const std::string& doing) && { return {code, doing + ": " + std::move(what)}; }
  Error in(const std::string& doing) const& { return {code, doing + ": " + what}; }
};

// "doing: strerror(code)"
inline Error os_error(int code, const std::string& doing) {
  return {code, doing + ": " + std::strerror(code)};
}

struct Ok {
  bool operator==(const Ok&) const = default;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return held_.index() == 0; }
  T& value() & { return std::get<0>(held_); }
  const T& value() const& { return std::get<0>(held_); }
  T&& value() && { return std::get<0>(std::move(held_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return std::get<1>(held_); }

 private:
  std::variant<T, Error> held_;
};

}  // namespace lvs
