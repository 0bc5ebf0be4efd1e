// What lvsd keeps as lvs.cf says, and so sets back when somebody changes it by hand: whoever does
// is told at once, and not by surprise a few seconds later.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <string>

#include "common/ipvs/request.h"

namespace lvs::lvsadm {

struct KeptService {
  int line = 0;
  std::map<std::string, int> servers;  // With their lines.
};

struct Kept {
  std::string file;
  std::map<std::string, KeptService> services;
};

// Of lvsd's answer to {"do":"kept"}, if it drives this core.
Kept kept_in(const boost::json::object& answer, const std::string& core);

// What is said of a change that will not last; empty: it will.
std::string kept_note(const ipvs::Request& request, const Kept& kept);

// Whether it may concern what lvsd keeps at all.
bool is_about_table(const ipvs::Request& request);

}  // namespace lvs::lvsadm
