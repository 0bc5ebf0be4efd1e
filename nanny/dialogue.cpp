#include "nanny/dialogue.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "nanny/dns.h"
#include "nanny/expect.h"

namespace lvs::nanny {
namespace {

constexpr int kReplyCodeLength = 3;

class SendExpect : public Dialogue {
 public:
  SendExpect(config::SendExpect check, Expectation expectation, const Endpoint& target)
      : check_(std::move(check)), expectation_(std::move(expectation)), target_(target) {}

  std::string opening() const override { return check_.send; }

  Turn hear(std::string_view heard, bool ended) override {
    if (check_.expect.empty()) {
      return {"", works(check_.send.empty() ? "connected" : "sent")};
    }
    switch (expectation_.judge(heard, ended)) {
      case Match::yes:
        return {"", works("answer matched")};
      case Match::no:
        return {"", ended && !check_.is_regex ? answer_too_short(target_, heard.size())
                                              : unexpected_answer(target_, heard)};
      case Match::more:
        break;
    }
    return {};
  }

 private:
  config::SendExpect check_;
  Expectation expectation_;
  Endpoint target_;
};

// What SMTP and FTP have in common: lines of a code and words, "220-more" until "220 last".
struct Exchange {
  std::string say;          // Without its end; the greeting comes without a word of ours.
  std::vector<int> wanted;  // Codes that go on from there.
};

class Replies : public Dialogue {
 public:
  Replies(std::vector<Exchange> exchanges, const Endpoint& target)
      : exchanges_(std::move(exchanges)), target_(target) {}

  Turn hear(std::string_view heard, bool ended) override {
    const std::optional<std::string_view> last = last_line(heard);
    if (!last) {
      return ended ? Turn{"", answer_too_short(target_, heard.size())} : Turn{};
    }
    int code = 0;
    std::from_chars(last->data(), last->data() + std::min<size_t>(last->size(), kReplyCodeLength),
                    code);
    const std::vector<int>& wanted = exchanges_[at_].wanted;
    if (std::find(wanted.begin(), wanted.end(), code) == wanted.end()) {
      return {"QUIT\r\n", unexpected_answer(target_, heard)};
    }
    if (++at_ == exchanges_.size()) {
      return {"QUIT\r\n", works("reply " + std::to_string(code))};
    }
    return {exchanges_[at_].say + "\r\n", std::nullopt};
  }

 private:
  // The line that ends a reply; one that is none ends it too.
  static std::optional<std::string_view> last_line(std::string_view heard) {
    for (size_t end; (end = heard.find('\n')) != std::string_view::npos;
         heard.remove_prefix(end + 1)) {
      if (end <= kReplyCodeLength || heard[kReplyCodeLength] != '-') {
        return heard.substr(0, end);
      }
    }
    return std::nullopt;
  }

  std::vector<Exchange> exchanges_;
  Endpoint target_;
  size_t at_ = 0;
};

// One line of words, as agents of load balancers say it: "up 75%", "drain", "down # disk full".
class Agent : public Dialogue {
 public:
  explicit Agent(const Endpoint& target) : target_(target) {}

  Turn hear(std::string_view heard, bool ended) override {
    const size_t end = heard.find_first_of("\r\n");
    if (end == std::string_view::npos && !ended) {
      return {};
    }
    return {"", judge_agent(heard.substr(0, end), target_)};
  }

 private:
  Endpoint target_;
};

// A DNS message over TCP has its length before it.
class DnsOverTcp : public Dialogue {
 public:
  DnsOverTcp(std::string question, const Endpoint& target)
      : question_(std::move(question)), target_(target) {}

  std::string opening() const override { return length_of(question_) + question_; }

  Turn hear(std::string_view heard, bool ended) override {
    const size_t length = heard.size() < 2 ? kDialogueMax
                                           : static_cast<unsigned char>(heard[0]) * 256U +
                                                 static_cast<unsigned char>(heard[1]);
    if (heard.size() < length + 2) {
      return ended ? Turn{"", answer_too_short(target_, heard.size())} : Turn{};
    }
    const std::string_view message = heard.substr(2, length);
    return {"", judge_dns(question_, message).value_or(unexpected_answer(target_, message))};
  }

 private:
  static std::string length_of(const std::string& message) {
    return {static_cast<char>(message.size() >> 8), static_cast<char>(message.size() & 255)};
  }

  std::string question_;
  Endpoint target_;
};

}  // namespace

Result<std::unique_ptr<Dialogue>> dialogue_of(const config::SendExpect& check,
                                              const Endpoint& target) {
  Result<Expectation> expectation = Expectation::compile(check);
  if (!expectation) {
    return expectation.error();
  }
  return std::unique_ptr<Dialogue>(
      std::make_unique<SendExpect>(check, std::move(expectation).value(), target));
}

std::unique_ptr<Dialogue> smtp_dialogue(const std::string& helo, const Endpoint& target) {
  std::vector<Exchange> exchanges{{"", {220}}};
  if (!helo.empty()) {
    exchanges.push_back({"HELO " + helo, {250}});
  }
  return std::make_unique<Replies>(std::move(exchanges), target);
}

std::unique_ptr<Dialogue> ftp_dialogue(const std::string& user, const Endpoint& target) {
  std::vector<Exchange> exchanges{{"", {220}}};
  if (!user.empty()) {
    exchanges.push_back({"USER " + user, {230, 331}});
  }
  return std::make_unique<Replies>(std::move(exchanges), target);
}

std::unique_ptr<Dialogue> agent_dialogue(const Endpoint& target) {
  return std::make_unique<Agent>(target);
}

std::unique_ptr<Dialogue> dns_dialogue(std::string question, const Endpoint& target) {
  return std::make_unique<DnsOverTcp>(std::move(question), target);
}

// Words that say nothing about whether it works (a weight above 0, "maxconn:20") are passed over.
ProbeResult judge_agent(std::string_view line, const Endpoint& target) {
  constexpr const char* kBetweenWords = " \t\r\n,";
  const std::string words(line.substr(0, line.find('#')));
  bool works_well = false;
  size_t at = 0;
  while ((at = words.find_first_not_of(kBetweenWords, at)) != std::string::npos) {
    const size_t end = std::min(words.find_first_of(kBetweenWords, at), words.size());
    const std::string word = words.substr(at, end - at);
    for (const char* bad : {"down", "fail", "failed", "stopped", "maint", "drain", "0%"}) {
      if (word == bad) {
        return fails("agent: " + quoted(line));
      }
    }
    const bool is_weight = word.size() > 1 && word.back() == '%' &&
                           word.find_first_not_of("0123456789") == word.size() - 1;
    works_well = works_well || word == "up" || word == "ready" || is_weight;
    at = end;
  }
  return works_well ? works("agent: " + quoted(line)) : unexpected_answer(target, line, "agent: ");
}

}  // namespace lvs::nanny
