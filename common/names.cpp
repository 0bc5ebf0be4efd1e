#include "common/names.h"

#include <algorithm>
#include <sstream>

namespace lvs {

namespace {

Address chosen(const std::vector<Address>& found, const std::optional<Address>& held) {
  if (held && std::find(found.begin(), found.end(), *held) != found.end()) {
    return *held;
  }
  const auto v4 =
      std::find_if(found.begin(), found.end(), [](const Address& one) { return one.is_v4(); });
  return v4 == found.end() ? found.front() : *v4;
}

}  // namespace

void Names::remember(const std::string& name, const Address& address) {
  Name known;
  known.address = address;
  known.is_asked = false;
  names_.emplace(name, std::move(known));
}

void Names::start_asking() {
  for (auto& [text, name] : names_) {
    name.is_asked = false;
  }
}

std::optional<Address> Names::address_of(std::string_view name) {
  auto known = names_.find(name);
  if (known == names_.end()) {
    if (names_.size() >= kNamesMax) {
      return std::nullopt;
    }
    known = names_.emplace(std::string(name), Name{}).first;
  }
  known->second.is_asked = true;
  known->second.is_leaving = false;
  return known->second.address;
}

void Names::forget_unasked() {
  for (auto known = names_.begin(); known != names_.end();) {
    Name& name = known->second;
    name.is_leaving = !name.is_asked;
    known = name.is_leaving && !name.is_under_way ? names_.erase(known) : std::next(known);
  }
}

std::vector<std::string> Names::due(TimePoint now) {
  std::vector<std::string> due;
  for (auto& [text, name] : names_) {
    if (under_way_ == kLookupsAtOnce) {
      break;
    }
    if (!name.is_under_way && name.due <= now) {
      name.is_under_way = true;
      ++under_way_;
      due.push_back(text);
    }
  }
  return due;
}

bool Names::take(const std::string& text, const Result<std::vector<Address>>& found,
                 TimePoint now) {
  const auto known = names_.find(text);
  if (known == names_.end() || !known->second.is_under_way) {
    return false;
  }
  Name& name = known->second;
  name.is_under_way = false;
  --under_way_;
  if (name.is_leaving) {
    names_.erase(known);
    return false;
  }
  if (!found || found->empty()) {
    name.error = found ? "it has no address" : found.error().what;
    name.due = now + name.backoff.failed();
    return false;
  }
  name.error.clear();
  name.backoff.reset();
  name.due = now + kNameRefresh;
  const Address address = chosen(*found, name.address);
  const bool is_another = name.address != address;
  name.address = address;
  return is_another;
}

std::optional<TimePoint> Names::wake_at() const {
  std::optional<TimePoint> first;
  for (const auto& [text, name] : names_) {
    if (!name.is_under_way && under_way_ < kLookupsAtOnce) {
      first = first ? std::min(*first, name.due) : name.due;
    }
  }
  return first;
}

bool Names::is_anything_awaited() const {
  return std::any_of(names_.begin(), names_.end(), [](const auto& known) {
    return !known.second.address && known.second.error.empty();
  });
}

std::vector<std::string> Names::troubles() const {
  std::vector<std::string> troubles;
  for (const auto& [text, name] : names_) {
    if (name.is_leaving || (name.address && name.error.empty())) {
      continue;
    }
    const std::string why = name.error.empty() ? "asked for just now" : name.error;
    troubles.push_back(text + " does not resolve (" + why + "): " +
                       (name.address ? to_string(*name.address) + " is kept"
                                     : "what is to be done with it waits"));
  }
  return troubles;
}

std::string to_text(const Names& names) {
  std::string text;
  for (const auto& [name, known] : names.all()) {
    text += known.address ? name + " " + to_string(*known.address) + "\n" : "";
  }
  return text;
}

Names names_from(std::string_view text) {
  Names names;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line) && names.all().size() < kNamesMax;) {
    const size_t blank = line.find(' ');
    const auto address =
        blank == std::string::npos ? std::nullopt : Address::parse(line.substr(blank + 1));
    if (address) {
      names.remember(line.substr(0, blank), *address);
    }
  }
  return names;
}

}  // namespace lvs
