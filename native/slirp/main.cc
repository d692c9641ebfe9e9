// tsvde-slirp: the user-mode network stack in its own process, so that the switch survives whatever a guest
// does to libslirp, and without privileges, see confinement.h. Frames use descriptor 3, the sockets that the
// switch has bound arrive on descriptor 4, commands arrive on stdin, and answers go to stdout.
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <list>
#include <vector>

#include "slirp/confinement.h"
#include "slirp/control.h"
#include "slirp/descriptors.h"
#include "slirp/helper.h"
#include "slirp/interposed.h"
#include "slirp/relay.h"
#include "slirp/stack.h"

using namespace tsvde::slirp;
using tsvde::Fd;

namespace {

constexpr int kFrames = 3;
constexpr int kBoundSockets = 4;
constexpr int kReportMs = 1000;

// Ignores the signals that a terminal or a service manager sends to the whole process group, since the stack
// ends when its switch does. Handlers are used instead of SIG_IGN, which the programs of guestfwd would
// inherit.
void survive_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, [](int) {});
  // libslirp may write to closed sockets. GLib restores SIGPIPE in the programs that it starts.
  std::signal(SIGPIPE, SIG_IGN);
}

// The targets of guest forwards, numbered as in path_of_forward(): the helper's first, then the relays'.
struct Targets {
  Helper helper;
  size_t helped = 0;
  std::vector<GuestForward> forwards;
  std::list<Relay> relays;

  std::string start(const Library& library, const Config& config) {
    for (const bool relayed : {false, true})
      for (const GuestForward& forward : config.guest_forwards)
        if ((forward.kind == GuestForward::Kind::tcp) == relayed) {
          forwards.push_back(forward);
          if (relayed) relays.emplace_back(forward);
        }
    helped = forwards.size() - relays.size();
    const std::vector<GuestForward> others(forwards.begin(),
                                           forwards.begin() + static_cast<ptrdiff_t>(helped));
    return helper.start(library, others, std::array{kFrames, kBoundSockets});
  }

  std::string add_to(Stack& stack) const {
    for (size_t i = 0; i < forwards.size(); i++)
      if (!stack.add_unix_forward(path_of_forward(i).c_str(), forwards[i].address, forwards[i].port))
        return "libslirp refuses a guestfwd to port " + std::to_string(forwards[i].port);
    return "";
  }

  Fd connect(size_t forward) {
    if (forward < helped) return helper.connect(forward);
    if (forward >= forwards.size()) return errno = EINVAL, Fd();
    return std::next(relays.begin(), static_cast<ptrdiff_t>(forward - helped))->open();
  }
};

// Takes the socket of this family that the switch has bound last. Sockets that were sent before it may belong
// to a command that failed. For a unix socket, libslirp also binds a TCP port that identifies the forward.
Fd take_bound_socket(int family) {
  static std::vector<Fd> waiting;
  Fd received;
  int unused = 0;
  while (receive_descriptor(kBoundSockets, unused, received, MSG_DONTWAIT))
    waiting.push_back(std::move(received));
  constexpr size_t kMost = 8;
  while (waiting.size() > kMost) waiting.erase(waiting.begin());
  for (size_t i = waiting.size(); i-- > 0;) {
    int domain = 0;
    socklen_t size = sizeof domain;
    getsockopt(waiting[i].number(), SOL_SOCKET, SO_DOMAIN, &domain, &size);
    if (domain != family) continue;
    Fd found = std::move(waiting[i]);
    waiting.erase(waiting.begin() + static_cast<ptrdiff_t>(i));
    return found;
  }
  errno = EACCES;
  return Fd();
}

// Makes the directory that TFTP serves the current directory, and calls it `.`, so that it can be reached
// even if the stack is not permitted to search the directories above it.
std::string prepare_tftp(Config& config) {
  if (!config.tftp) return "";
  if (chdir(config.tftp->c_str()) != 0) return "tftp cannot serve '" + *config.tftp + "': " + strerror(errno);
  config.tftp = ".";
  return "";
}

// Drops frames that were sent to an earlier process, since one of them may have killed that process.
void drop_pending_frames() {
  while (recv(kFrames, nullptr, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0) {
  }
}

// Returns the exit code: 0 if the switch has closed the control connection.
int run(Stack& stack, Targets& targets, Control& control) {
  std::vector<pollfd> polled;
  for (;;) {
    polled.assign({{kFrames, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}, {targets.helper.ended(), POLLIN, 0}});
    for (Relay& relay : targets.relays) relay.fill(polled);
    int timeout_ms = kReportMs;
    stack.fill(polled, timeout_ms);
    const bool failed = poll(polled.data(), polled.size(), timeout_ms) < 0;
    if (failed)
      for (pollfd& entry : polled) entry.revents = 0;
    stack.dispatch(polled, failed);
    if (polled[0].revents != 0) stack.receive();
    for (Relay& relay : targets.relays) relay.dispatch(polled);
    if (polled[1].revents != 0 && !control.read(stack)) return 0;
    if (polled[2].revents != 0) return 1;  // the helper has been killed: a new stack starts a new one
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
  if (const std::string unusable = library.open(); !unusable.empty()) {
    control.failed(unusable);
    return 1;
  }
  Targets targets;
  std::string failure = targets.start(library, config);
  if (failure.empty()) failure = prepare_tftp(config);
  if (!failure.empty()) {
    control.failed(failure);
    return 1;
  }
  Stack stack(library, config, kFrames);  // before the process is confined, since GLib reads /dev/urandom
  failure = stack.failure();
  if (failure.empty()) failure = targets.add_to(stack);
  if (!failure.empty()) {
    control.failed(failure);
    return 1;
  }
  // Other sockets that libslirp binds, such as those of connections, must not take the socket of a forward
  // that is to be added next.
  substitute(
      {.bound = [&stack](int family) { return stack.adding_forward() ? take_bound_socket(family) : Fd(); },
       .connected = [&targets](size_t forward) { return targets.connect(forward); }});
  const std::string missing = confine(config.tftp.has_value());
  drop_pending_frames();
  control.ready(library.version);
  if (!missing.empty()) control.unconfined(missing);
  return run(stack, targets, control);
}
