// The control connection to the process that started the stack. Each line is a command; commands are answered
// in order. The end of the input ends the stack.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "slirp/stack.h"

namespace tsvde::slirp {

class Control {
 public:
  // Reads commands from `in` and writes answers to `out`, which are pipes or sockets of a trusted process.
  Control(int in, int out) : in_(in), out_(out) {}

  // Write the first line: `ready 4.7.0`, or `failed SENTENCE`, after which no other line follows.
  void ready(const std::string& version) const { write_all("ready " + version + "\n"); }
  void failed(const std::string& sentence) const { write_all("failed " + sentence + "\n"); }
  // Writes a warning that parts of the confinement are missing.
  void unconfined(const std::string& missing) const {
    write_all("warning the user-mode stack runs without a part of its confinement: " + missing + "\n");
  }

  // Reads what has arrived and executes complete lines. Returns false at the end of the input.
  [[nodiscard]] bool read(Stack& stack);
  // Writes what the stack has to report: the question `full MAC …`, see lease_server.h; `guests
  // MAC,IPV4,IPV6,LEASED …`; `note SENTENCE` and `warning SENTENCE`. If the counters have changed, also
  // writes the counters, at most once a second: `stats CONNECTIONS TOO-SHORT TOO-LONG NOT-FOR-US FRAGMENTS
  // NOT-TAKEN LEASES REFUSED`.
  void report(Stack& stack);

 private:
  void execute(Stack& stack, std::string_view line) const;
  void write_all(std::string_view text) const;

  const int in_, out_;
  std::string unread_;
  std::string reported_;
  time_t reported_at_ = 0;
};

}  // namespace tsvde::slirp
