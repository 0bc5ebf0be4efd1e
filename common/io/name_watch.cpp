#include "common/io/name_watch.h"

#include <utility>

#include "common/io/log_sink.h"
#include "common/io/read_file.h"

namespace lvs::io {
namespace {

constexpr size_t kNamesBytesMax = 8 << 20;

}  // namespace

Names load_names(const std::string& file) {
  const auto text = read_file(file, kNamesBytesMax);
  return names_from(text ? *text : "");
}

NameWatch::NameWatch(boost::asio::io_context& io, Names& names, Keep keep,
                     std::function<void()> on_change)
    : names_(names),
      keep_(std::move(keep)),
      on_change_(std::move(on_change)),
      lookup_(io, [this](const auto& name, const auto& found) { take(name, found); }),
      timer_(io),
      gathering_(io) {
}

void NameWatch::look() {
  for (const auto& name : names_.due(Clock::now())) {
    lookup_.look_up(name);
  }
  timer_.cancel();
  if (const auto at = names_.wake_at()) {
    timer_.expires_after(std::max(*at - Clock::now(), Duration(std::chrono::milliseconds(10))));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        look();
      }
    });
  }
}

void NameWatch::take(const std::string& name, const Result<std::vector<Address>>& found) {
  const auto asked = names_.all().find(name);
  const std::string before = asked == names_.all().end() ? "" : asked->second.error;
  const bool has_changed = names_.take(name, found, Clock::now());
  const auto known = names_.all().find(name);  // Or it is forgotten now.
  if (known != names_.all().end() && known->second.error != before) {
    const std::string& error = known->second.error;
    log({error.empty() ? Level::notice : Level::warning,
         error.empty() ? "name-resolves" : "name-unresolved",
         "",
         {{"name", name},
          {"error", error},
          {"kept", known->second.address ? to_string(*known->second.address) : "none"}}});
  }
  if (has_changed) {
    log({Level::notice,
         "name-address",
         "",
         {{"name", name}, {"address", to_string(*known->second.address)}}});
    tell_soon();
  }
  look();
}

void NameWatch::tell_soon() {
  if (std::exchange(is_gathering_, true)) {
    return;
  }
  gathering_.expires_after(kNamesGather);
  gathering_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {
      is_gathering_ = false;
      keep_(to_text(names_));
      on_change_();
    }
  });
}

}  // namespace lvs::io
