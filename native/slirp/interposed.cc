// Replaces socket(2), bind(2) and connect(2); see interposed.h. For Internet sockets the replacements make
// the system calls, as libc does.
#include "slirp/interposed.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace tsvde::slirp {
namespace {

constexpr std::string_view kForward = "guestfwd ";

Substitutes* substitutes = nullptr;
int placeholder = -1;  // a socket to duplicate

// Puts another socket in the place of `fd`. If `other` is invalid, returns -1 and keeps the errno of its
// failure.
int replace(int fd, const Fd& other) {
  if (other.number() < 0) return -1;
  return dup3(other.number(), fd, O_CLOEXEC) < 0 ? -1 : 0;
}

Fd connection_to(const sockaddr_un& address) {
  std::string_view name(address.sun_path, strnlen(address.sun_path, sizeof address.sun_path));
  size_t forward = 0;
  if (!name.starts_with(kForward)) return errno = EACCES, Fd();
  name.remove_prefix(kForward.size());
  std::from_chars(name.data(), name.data() + name.size(), forward);
  return substitutes->connected(forward);
}

}  // namespace

void substitute(Substitutes given) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) {
    placeholder = ends[0];
    close(ends[1]);
  }
  static Substitutes kept;
  kept = std::move(given);
  substitutes = &kept;
}

std::string path_of_forward(size_t forward) {
  return std::string(kForward) + std::to_string(forward);
}

}  // namespace tsvde::slirp

using namespace tsvde::slirp;
using tsvde::Fd;

EXPORTED int socket(int family, int type, int protocol) noexcept {
  if (substitutes != nullptr && family == AF_UNIX) return fcntl(placeholder, F_DUPFD_CLOEXEC, 0);
  return static_cast<int>(syscall(SYS_socket, family, type, protocol));
}

EXPORTED int bind(int fd, const sockaddr* address, socklen_t size) noexcept {
  if (substitutes != nullptr) {
    const Fd bound = substitutes->bound(address->sa_family);
    // For each connection to a unix socket, libslirp reserves a port of the host, by which it tells
    // connections apart.
    const bool any_port =
        address->sa_family == AF_INET && reinterpret_cast<const sockaddr_in*>(address)->sin_port == 0;
    if (bound.number() >= 0 || !any_port) return replace(fd, bound);
  }
  return static_cast<int>(syscall(SYS_bind, fd, address, size));
}

EXPORTED int connect(int fd, const sockaddr* address, socklen_t size) {
  if (substitutes != nullptr && address->sa_family == AF_UNIX)
    return replace(fd, connection_to(*reinterpret_cast<const sockaddr_un*>(address)));
  return static_cast<int>(syscall(SYS_connect, fd, address, size));
}
