// The talk with whoever started the stack: a line is a command, answered in order. The end of the lines is
// the end of the stack.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "slirp/stack.h"

namespace tsvde::slirp {

class Control {
 public:
  // Commands come from `in`, and answers go to `out`; both are pipes or sockets whose owner is trusted.
  Control(int in, int out) : in_(in), out_(out) {}

  // `ready 4.7.0`, or `failed SENTENCE` and nothing more.
  void ready(const std::string& version) const { say("ready " + version + "\n"); }
  void failed(const std::string& sentence) const { say("failed " + sentence + "\n"); }

  // What has come: obeys whole lines. false: there is nobody any more.
  [[nodiscard]] bool read(Stack& stack);
  // Unasked, where it has changed, at most once a second: `stats CONNECTIONS TOO-SHORT TOO-LONG NOT-FOR-US
  // NOT-TAKEN`.
  void report(const Stack& stack);

 private:
  void obey(Stack& stack, std::string_view line) const;
  void say(std::string_view text) const;

  const int in_, out_;
  std::string unread_;
  std::string reported_;
  time_t reported_at_ = 0;
};

}  // namespace tsvde::slirp
