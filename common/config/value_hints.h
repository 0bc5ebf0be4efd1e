// A value that is nearly right: what is wrong with it, and the form that would do. Each gives what
// stands behind the ":" of an error, or nothing where nothing is known.
#pragma once

#include <string>
#include <vector>

#include "common/config/text.h"
#include "common/time.h"

namespace lvs::config {

// "192.0.2.10/24", "[2001:db8::1]", "192.0.2.10:80", "192.0.2.10,". `mask_key` is the key that
// holds the length of its prefix; empty: none does.
std::string address_hint(const std::string& word, const std::string& mask_key = "");
// Of an address and its device.
std::string floating_hint(const std::vector<Word>& words, const std::string& mask_key);
// "5 min", "0.5", "1 hour": only what is between these.
std::string duration_hint(const std::vector<Word>& words, Duration low, Duration high);
// "http", "80,443", "tcp/80".
std::string port_hint(const std::vector<Word>& words);
// "tcp/80-443", "80", "tcp/http".
std::string mark_ports_hint(const std::string& word);

// Of any value: a comment or separator of other languages, quotes around several words.
std::string slip_hint(const std::vector<Word>& words);
// "/24", "Unused".
std::string netmask_hint(const std::string& word);

// Of a service that stands in every /etc/services; 0: it is none.
uint16_t port_of_service(std::string_view name);

}  // namespace lvs::config
