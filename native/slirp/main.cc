// tsvde-slirp: the user-mode network stack in its own process, so that the switch survives whatever a guest
// does to libslirp. Frames use descriptor 3, commands arrive on stdin, and answers go to stdout.
#include <sys/prctl.h>

#include <csignal>
#include <list>

#include "slirp/control.h"
#include "slirp/relay.h"
#include "slirp/stack.h"

using namespace tsvde::slirp;

namespace {

constexpr int kFrames = 3;
constexpr int kReportMs = 1000;

// Ignores the signals that a terminal or a service manager sends to the whole process group, since the stack
// ends when its switch does. Handlers are used instead of SIG_IGN, which the programs of guestfwd would
// inherit.
void survive_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, [](int) {});
  // libslirp may write to closed sockets. GLib restores SIGPIPE in the programs that it starts.
  std::signal(SIGPIPE, SIG_IGN);
}

std::string add_guest_forwards(Stack& stack, const Config& config, std::list<Relay>& relays) {
  for (const GuestForward& forward : config.guest_forwards) {
    bool added = false;
    if (forward.kind == GuestForward::Kind::command) {
      added = stack.add_command_forward(forward.target.c_str(), forward.address, forward.port);
    } else {
      const Relay& relay = relays.emplace_back(forward);
      if (!relay.failure().empty()) return relay.failure();
      added = stack.add_unix_forward(relay.path().c_str(), forward.address, forward.port);
    }
    if (!added) return "libslirp refuses a guestfwd to port " + std::to_string(forward.port);
  }
  return "";
}

// Drops frames that were sent to an earlier process, since one of them may have killed that process.
void drop_pending_frames() {
  while (recv(kFrames, nullptr, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0) {
  }
}

void run(Stack& stack, std::list<Relay>& relays, Control& control) {
  std::vector<pollfd> polled;
  for (;;) {
    polled.assign({{kFrames, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}});
    for (Relay& relay : relays) relay.fill(polled);
    int timeout_ms = kReportMs;
    stack.fill(polled, timeout_ms);
    const bool failed = poll(polled.data(), polled.size(), timeout_ms) < 0;
    if (failed)
      for (pollfd& entry : polled) entry.revents = 0;
    stack.dispatch(polled, failed);
    if (polled[0].revents != 0) stack.receive();
    for (Relay& relay : relays) relay.dispatch(polled);
    if (polled[1].revents != 0 && !control.read(stack)) return;
    control.report(stack);
  }
}

}  // namespace

int main(int count, char** arguments) {
  survive_signals();
  prctl(PR_SET_NAME, "tsvde-slirp");
  Control control(STDIN_FILENO, STDOUT_FILENO);
  Config config;
  Library library;
  if (const std::string wrong = config.read({arguments + 1, arguments + count}); !wrong.empty()) {
    control.failed("tsvde-slirp does not understand " + wrong);
    return 1;
  }
  if (const std::string missing = library.open(); !missing.empty()) {
    control.failed(missing);
    return 1;
  }
  Stack stack(library, config, kFrames);
  std::list<Relay> relays;
  std::string failure = stack.failure();
  if (failure.empty()) failure = add_guest_forwards(stack, config, relays);
  if (!failure.empty()) {
    control.failed(failure);
    return 1;
  }
  drop_pending_frames();
  control.ready(library.version);
  run(stack, relays, control);
  return 0;
}
