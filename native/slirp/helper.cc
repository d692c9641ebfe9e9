// The helper's loop, in which each request is one datagram and one answer; see helper.h.
#include "slirp/helper.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "slirp/descriptors.h"

extern char** environ;

namespace tsvde::slirp {
namespace {

constexpr int kPrograms = 512;  // the most programs that run at a time

// Starts a program in a session of its own, with the connection as its stdin, stdout and stderr. The command
// line is split into words as a shell does. Returns 0 or an errno.
int spawn(const Library& library, const std::string& command, int connection) {
  int count = 0;
  char** words = nullptr;
  if (library.split_command(command.c_str(), &count, &words, nullptr) == 0) return EINVAL;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_adddup2(&files, connection, number);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t ignored;
  sigemptyset(&ignored);
  sigaddset(&ignored, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &ignored);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, words[0], &files, &attributes, words, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  library.free_words(words);
  return error;
}

// Connects to a unix socket. The connection is non-blocking, so a listener whose queue is full refuses it.
int dial(const std::string& path, Fd& connection) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  connection = Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return connect(connection.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0
             ? 0
             : errno;
}

int open_target(const Library& library, const GuestForward& forward, int& running, Fd& connection) {
  if (forward.kind == GuestForward::Kind::unix_socket) return dial(forward.target, connection);
  if (running == kPrograms) return EAGAIN;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return errno;
  connection = Fd(ends[0]);
  const Fd theirs(ends[1]);
  const int error = spawn(library, forward.target, theirs.number());
  if (error == 0) running++;
  return error;
}

[[noreturn]] void serve(int channel, const Library& library, const std::vector<GuestForward>& forwards) {
  prctl(PR_SET_NAME, "tsvde-helper");
  // SIGCHLD must interrupt recvmsg(2), so that programs which have ended are noticed.
  struct sigaction noticed {};
  noticed.sa_handler = [](int) {};
  sigaction(SIGCHLD, &noticed, nullptr);
  int running = 0;
  for (;;) {
    int number = 0;
    Fd unused;
    const bool received = receive_descriptor(channel, number, unused, 0);
    const bool interrupted = !received && errno == EINTR;
    while (waitpid(-1, nullptr, WNOHANG) > 0) running--;
    if (interrupted) continue;
    if (!received) _exit(0);
    Fd connection;
    const bool known = number >= 0 && static_cast<size_t>(number) < forwards.size();
    const int error =
        known ? open_target(library, forwards[static_cast<size_t>(number)], running, connection) : EINVAL;
    if (!send_descriptor(channel, error, error == 0 ? connection.number() : -1)) _exit(0);
  }
}

// Replaces stdin and stdout, which belong to the stack, by /dev/null.
void leave_standard_files() {
  const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int number : {STDIN_FILENO, STDOUT_FILENO}) dup2(null.number(), number);
}

}  // namespace

std::string Helper::start(const Library& library, const std::vector<GuestForward>& forwards,
                          std::span<const int> stack_only) {
  if (forwards.empty()) return "";
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return std::string("guestfwd cannot be set up: socketpair: ") + strerror(errno);
  channel_ = Fd(ends[0]);
  const Fd theirs(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) return std::string("guestfwd cannot be set up: fork: ") + strerror(errno);
  if (pid > 0) return "";
  channel_ = Fd();
  for (const int number : stack_only) close(number);
  leave_standard_files();
  serve(theirs.number(), library, forwards);
}

Fd Helper::connect(size_t forward) const {
  Fd connection;
  int error = 0;
  const bool answered = send_descriptor(channel_.number(), static_cast<int>(forward), -1) &&
                        receive_descriptor(channel_.number(), error, connection, 0);
  if (!answered) error = ECONNREFUSED;
  errno = error;
  return connection;
}

}  // namespace tsvde::slirp
