// Fields of a daemon's answer, as far as they are there.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string_view>

namespace lvs::lvsctl {

inline std::optional<int64_t> number_at(const boost::json::object& object, std::string_view field) {
  const auto* value = object.if_contains(field);
  boost::system::error_code error;
  const auto number =
      value != nullptr && value->is_number() ? value->to_number<int64_t>(error) : int64_t{0};
  return value != nullptr && value->is_number() && !error ? std::optional(number) : std::nullopt;
}

inline std::optional<bool> flag_at(const boost::json::object& object, std::string_view field) {
  const auto* value = object.if_contains(field);
  return value != nullptr && value->is_bool() ? std::optional(value->get_bool()) : std::nullopt;
}

inline std::string_view word_at(const boost::json::object& object, std::string_view field) {
  const auto* value = object.if_contains(field);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                : std::string_view();
}

inline const boost::json::object& object_at(const boost::json::object& object,
                                            std::string_view field) {
  static const boost::json::object kNone;
  const auto* value = object.if_contains(field);
  return value != nullptr && value->is_object() ? value->get_object() : kNone;
}

inline const boost::json::array& array_at(const boost::json::object& object,
                                          std::string_view field) {
  static const boost::json::array kNone;
  const auto* value = object.if_contains(field);
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}

}  // namespace lvs::lvsctl
