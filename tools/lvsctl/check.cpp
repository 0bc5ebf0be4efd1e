#include "tools/lvsctl/check.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>

#include "common/utf8.h"

namespace lvs::lvsctl {

namespace {

namespace json = boost::json;
using config::Diagnostic;
using config::Severity;

size_t count(const CheckReport& report, Severity severity) {
  return std::count_if(report.diagnostics.begin(), report.diagnostics.end(),
                       [&](const Diagnostic& d) { return d.severity == severity; });
}

std::string as_json(const CheckReport& report, std::string_view file) {
  json::array list;
  for (const auto& d : report.diagnostics) {
    list.push_back(json::object{{"severity", to_string(d.severity)},
                                {"file", d.file},
                                {"line", d.line},
                                {"key", d.key},
                                {"text", d.text}});
  }
  return escape_what_is_not_utf8(json::serialize(json::object{{"file", file},
                                                              {"good", report.good},
                                                              {"virtuals_off", report.virtuals_off},
                                                              {"servers_off", report.servers_off},
                                                              {"diagnostics", std::move(list)}})) +
         "\n";
}

// Who may not look at it learns nothing of it.
void note_key(const config::Config& config, std::string_view file, const LookHere& look,
              config::Diagnostics& diagnostics) {
  if (!look.key || !config.backup_active ||
      config.heartbeat_format == config::HeartbeatFormat::legacy) {
    return;
  }
  for (const auto& [name, path] : {std::pair{"heartbeat_key", &config.heartbeat_key},
                                   std::pair{"heartbeat_key_next", &config.heartbeat_key_next}}) {
    const KeyFile key = *path ? look.key(**path) : KeyFile{"", EACCES};
    const bool of_next = path == &config.heartbeat_key_next;
    if (const std::string trouble = trouble_of(key, of_next);
        !trouble.empty() && key.error != EACCES) {
      diagnostics.push_back(
          {Severity::warning, std::string(file), config.lines.of(name), name, trouble});
    }
  }
}

// False: what is there is no named pipe.
bool is_fifo_fit(const config::Config& config, std::string_view file, const LookHere& look,
                 config::Diagnostics& diagnostics) {
  if (!look.is_no_pipe || !config.notify_fifo || !look.is_no_pipe(*config.notify_fifo)) {
    return true;
  }
  diagnostics.push_back({Severity::error, std::string(file), config.lines.of("notify_fifo"),
                         "notify_fifo",
                         "expected a named pipe, or nothing there: " + *config.notify_fifo +
                             " is a file of another kind"});
  return false;
}

// A reload takes such an address up and waits for its device.
void note_devices(const config::Config& config, std::string_view file, const LookHere& look,
                  config::Diagnostics& diagnostics) {
  const auto note = [&](const std::optional<config::FloatingAddress>& floating, int line,
                        const char* key) {
    if (floating && !look.has_device(floating->device)) {
      diagnostics.push_back({Severity::warning, std::string(file), line, key,
                             "this machine has no device " + floating->device});
    }
  };
  if (!look.has_device) {
    return;
  }
  for (const auto& [service, line] : config.virtuals.entries()) {
    if (service->in_use()) {
      note(service->address, line + service->lines.of("address"), "address");
    }
  }
  if (config.network == ipvs::Forward::masq) {
    note(config.nat_router, config.lines.of("nat_router"), "nat_router");
  }
}

// People check a file on their workstation too: what the machine lacks says little then.
void note_neither(const config::Config& config, std::string_view file, const LookHere& look,
                  config::Diagnostics& diagnostics) {
  const bool is_known =
      config.primary && !config.lines.waits_for("primary") && !config.lines.waits_for("backup");
  if (!look.has_address || !is_known || look.has_address(*config.primary) ||
      (config.backup && look.has_address(*config.backup))) {
    return;
  }
  const std::string lacking = config.backup
                                  ? "neither director: it has neither the address of primary, " +
                                        to_string(*config.primary) + ", nor that of backup, " +
                                        to_string(*config.backup)
                                  : "not the director: it does not have the address of primary, " +
                                        to_string(*config.primary);
  diagnostics.push_back(
      {Severity::warning, std::string(file), config.lines.of("primary"), "primary",
       "this machine is " + lacking +
           ": pulse would not start here, and what is said of keys and devices is about this "
           "machine"});
}

void note_needs(const config::Config& config, std::string_view file, const LookHere& look,
                config::Diagnostics& diagnostics) {
  for (auto& missing : config::machine_lacks(config, look.has)) {
    missing.file = file;
    diagnostics.push_back(std::move(missing));
  }
}

void count_what_is_off(const config::Config& config, CheckReport& report) {
  const auto is_off = [](const auto& block) { return !block.active && block.lines.has("active"); };
  for (const auto& service : config.virtuals) {
    report.virtuals_off += is_off(service) ? 1 : 0;
    report.servers_off +=
        service.active ? std::count_if(service.servers.begin(), service.servers.end(), is_off) : 0;
  }
}

std::string plural(size_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

}  // namespace

CheckReport check(std::string_view text, std::string_view file, Strictness strictness,
                  const config::Resolver& resolve, const LookHere& look) {
  config::Parsed parsed = config::parse(text, file, resolve);
  CheckReport report;
  bool is_fit = true;
  report.diagnostics = std::move(parsed.diagnostics);
  std::move(parsed.not_in_effect.begin(), parsed.not_in_effect.end(),
            std::back_inserter(report.diagnostics));
  if (parsed.config) {
    note_neither(*parsed.config, file, look, report.diagnostics);
    note_key(*parsed.config, file, look, report.diagnostics);
    note_devices(*parsed.config, file, look, report.diagnostics);
    note_needs(*parsed.config, file, look, report.diagnostics);
    count_what_is_off(*parsed.config, report);
    is_fit = is_fifo_fit(*parsed.config, file, look, report.diagnostics);
  }
  if (strictness == Strictness::liberal) {
    std::erase_if(report.diagnostics,
                  [](const Diagnostic& d) { return d.severity == Severity::strict; });
  }
  std::stable_sort(report.diagnostics.begin(), report.diagnostics.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return a.line < b.line; });
  report.good = is_fit && parsed.config.has_value() && count(report, Severity::unsupported) == 0 &&
                count(report, Severity::cut_short) == 0 && count(report, Severity::strict) == 0;
  return report;
}

std::string to_text(const CheckReport& report, std::string_view file, Format format) {
  if (format == Format::json) {
    return as_json(report, file);
  }
  std::string text;
  for (const auto& d : report.diagnostics) {
    text += config::to_string(d) + "\n";
  }
  const size_t errors = count(report, Severity::error);
  const size_t unsupported = count(report, Severity::unsupported);
  const size_t refusals = count(report, Severity::strict);
  text += std::string(file) + ": " + (report.good ? "good" : "not good");
  text += errors > 0 ? ", " + plural(errors, "error") : "";
  text +=
      unsupported > 0 ? ", " + plural(unsupported, "thing") + " that its core cannot serve" : "";
  text += count(report, Severity::cut_short) > 0 ? ", cut short" : "";
  text += refusals > 0 ? ", " + plural(refusals, "thing") + " that Piranha refuses" : "";
  const size_t warnings = count(report, Severity::warning);
  text += warnings > 0 ? ", " + plural(warnings, "warning") : "";
  std::string off = report.virtuals_off > 0 ? plural(report.virtuals_off, "virtual") : "";
  off += report.servers_off > 0
             ? (off.empty() ? "" : " and ") + plural(report.servers_off, "server")
             : "";
  return text + (off.empty() ? "" : "; switched off by active = 0: " + off) + "\n";
}

}  // namespace lvs::lvsctl
