// Keeps the names of the running configuration looked up: what is due goes to NameLookup, what
// comes back to Names and, when an address is another, to whoever reads the configuration. The
// addresses are kept in a file, so that a start while the name servers are away is a start with the
// last ones; how it is written is the daemon's matter.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>

#include "common/io/name_lookup.h"
#include "common/names.h"

namespace lvs::io {

constexpr Duration kNamesGather = std::chrono::milliseconds{20};

Names load_names(const std::string& file);

class NameWatch {
 public:
  using Keep = std::function<void(const std::string& text)>;

  // When names have other addresses, once for those that change together: `keep` is handed all of
  // them (load_names() reads them), then `on_change` is called.
  NameWatch(boost::asio::io_context& io, Names& names, Keep keep, std::function<void()> on_change);
  void look();  // At what is due: also after a configuration was read.

 private:
  void take(const std::string& name, const Result<std::vector<Address>>& found);
  void tell_soon();

  Names& names_;
  Keep keep_;
  std::function<void()> on_change_;
  NameLookup lookup_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer gathering_;
  bool is_gathering_ = false;
};

}  // namespace lvs::io
