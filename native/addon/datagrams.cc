// Opens sockets that Node cannot make or whose descriptors it hides: bound but unconnected datagram sockets,
// multicast groups, and unix streams with exact names.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "addon/addon.h"
#include "engine/fd.h"
#include "slirp/descriptors.h"

using tsvde::Fd;

namespace {

// A socket buffer larger than the kernel's default, for bursts from a group or a UDP peer. If the kernel
// allows less, that is not an error.
constexpr int kSocketBuffer = 1 << 20;

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};

// Converts `{ address, port }`, whose address is numeric.
Address internet_address(const Napi::Object& given) {
  const std::string text = given.Get("address").As<Napi::String>();
  const auto port = htons(static_cast<uint16_t>(given.Get("port").As<Napi::Number>().Uint32Value()));
  Address address;
  auto& four = reinterpret_cast<sockaddr_in&>(address.bytes);
  auto& six = reinterpret_cast<sockaddr_in6&>(address.bytes);
  if (inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = port;
    address.size = sizeof four;
  } else if (inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = port;
    address.size = sizeof six;
  } else {
    throw errno_error(given.Env(), EINVAL, "inet_pton", text);
  }
  return address;
}

// Converts a path, or a NUL and an abstract name. The address has the same size as the one that the kernel
// reports when a socket with this name sends.
Address unix_address(const Napi::Value& given) {
  const std::string name = given.As<Napi::String>();
  Address address;
  auto& to = reinterpret_cast<sockaddr_un&>(address.bytes);
  const bool abstract = name.starts_with('\0');
  if (name.size() > sizeof to.sun_path - (abstract ? 0 : 1))
    throw errno_error(given.Env(), ENAMETOOLONG, "bind", name);
  to.sun_family = AF_UNIX;
  name.copy(to.sun_path, name.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (abstract ? 0 : 1));
  return address;
}

Fd new_socket(Napi::Env env, int family) {
  Fd fd(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.number() < 0) throw errno_error(env, errno, "socket");
  if (family == AF_UNIX) return fd;
  setsockopt(fd.number(), SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
  setsockopt(fd.number(), SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof kSocketBuffer);
  return fd;
}

template <typename T>
void set(Napi::Env env, const Fd& fd, int level, int name, const T& value, const char* what) {
  if (setsockopt(fd.number(), level, name, &value, sizeof value) < 0) throw errno_error(env, errno, what);
}

void bind_to(Napi::Env env, const Fd& fd, const Address& address) {
  if (bind(fd.number(), address.get(), address.size) < 0) throw errno_error(env, errno, "bind");
}

// Returns the port that the kernel chose when port 0 was asked for. Both families have the port at the same
// offset.
uint16_t bound_port(Napi::Env env, const Fd& fd) {
  Address bound;
  bound.size = sizeof bound.bytes;
  if (getsockname(fd.number(), reinterpret_cast<sockaddr*>(&bound.bytes), &bound.size) < 0)
    throw errno_error(env, errno, "getsockname");
  return ntohs(reinterpret_cast<const sockaddr_in&>(bound.bytes).sin_port);
}

Napi::Object peer_object(Napi::Env env, Fd fd, const Address& peer) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("peer",
             Napi::Buffer<uint8_t>::Copy(env, reinterpret_cast<const uint8_t*>(&peer.bytes), peer.size));
  object.Set("fd", Napi::Number::New(env, fd.release()));
  return object;
}

Napi::Value open_udp(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Address local = internet_address(info[0].As<Napi::Object>());
  const Address peer = internet_address(info[1].As<Napi::Object>());
  Fd fd = new_socket(env, local.bytes.ss_family);
  set(env, fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  bind_to(env, fd, local);
  const uint16_t port = bound_port(env, fd);
  Napi::Object object = peer_object(env, std::move(fd), peer);
  object.Set("localPort", Napi::Number::New(env, port));
  return object;
}

// Returns whether the file is a socket that no process serves any more, so that it may be replaced.
bool is_stale(const char* path, const Address& address) {
  struct stat found {};
  if (lstat(path, &found) < 0 || !S_ISSOCK(found.st_mode)) return false;
  const Fd probe(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return connect(probe.number(), address.get(), address.size) < 0 && errno == ECONNREFUSED;
}

Napi::Value open_unix(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Address local = unix_address(info[0]);
  const Address peer = unix_address(info[1]);
  Fd fd = new_socket(env, AF_UNIX);
  const auto* path = reinterpret_cast<const sockaddr_un&>(local.bytes).sun_path;
  if (path[0] != '\0' && is_stale(path, local)) unlink(path);
  bind_to(env, fd, local);
  return peer_object(env, std::move(fd), peer);
}

Napi::Value open_multicast(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto given = info[0].As<Napi::Object>();
  const Address group = internet_address(given);
  const auto& to = reinterpret_cast<const sockaddr_in&>(group.bytes);
  ip_mreqn membership{};
  membership.imr_multiaddr = to.sin_addr;
  const std::string local = given.Get("localAddress").As<Napi::String>();
  if (inet_pton(AF_INET, local.c_str(), &membership.imr_address) != 1)
    throw errno_error(env, EINVAL, "inet_pton", local);
  Fd fd = new_socket(env, AF_INET);
  set(env, fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  // Without this, the socket would also receive the group's datagrams from interfaces on which only other
  // sockets have joined the group.
  set(env, fd, IPPROTO_IP, IP_MULTICAST_ALL, 0, "IP_MULTICAST_ALL");
  bind_to(env, fd, group);
  set(env, fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, membership, "IP_ADD_MEMBERSHIP");
  Fd sender = new_socket(env, AF_INET);
  set(env, sender, IPPROTO_IP, IP_MULTICAST_IF, membership, "IP_MULTICAST_IF");
  set(env, sender, IPPROTO_IP, IP_MULTICAST_LOOP, 1, "IP_MULTICAST_LOOP");
  set(env, sender, IPPROTO_IP, IP_MULTICAST_TTL, given.Get("ttl").As<Napi::Number>().Int32Value(),
      "IP_MULTICAST_TTL");
  // The sender is connected so that it has an address, by which we recognise our own datagrams.
  if (connect(sender.number(), group.get(), group.size) < 0) throw errno_error(env, errno, "connect");
  Napi::Object object = Napi::Object::New(env);
  object.Set("fd", Napi::Number::New(env, fd.release()));
  object.Set("senderFd", Napi::Number::New(env, sender.release()));
  return object;
}

// Opens a unix stream socket. Node's own sockets are not used: some versions of Node pad abstract names with
// NULs, and when Node closes a listener it removes any file at the listener's path.
Fd stream_socket(Napi::Env env) {
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.number() < 0) throw errno_error(env, errno, "socket");
  return fd;
}

Napi::Value listen_unix(const Napi::CallbackInfo& info) {
  const Address address = unix_address(info[0]);
  Fd fd = stream_socket(info.Env());
  bind_to(info.Env(), fd, address);
  if (listen(fd.number(), SOMAXCONN) < 0) {
    const int error = errno;
    const char* const path = reinterpret_cast<const sockaddr_un&>(address.bytes).sun_path;
    if (path[0] != 0) unlink(path);  // bind() has just made it
    throw errno_error(info.Env(), error, "listen");
  }
  return Napi::Number::New(info.Env(), fd.release());
}

// Binds a socket for a forward. The process of the user-mode network calls listen(2) on it.
Napi::Value bind_internet(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const bool udp = info[0].As<Napi::String>().Utf8Value() == "udp";
  const Address address = internet_address(info[1].As<Napi::Object>());
  Fd fd(socket(address.bytes.ss_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0));
  if (fd.number() < 0) throw errno_error(env, errno, "socket");
  if (!udp) set(env, fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  if (address.bytes.ss_family == AF_INET6) set(env, fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
  bind_to(env, fd, address);
  return Napi::Number::New(env, fd.release());
}

// Sends a descriptor, for receive_descriptor() in native/slirp/descriptors.h.
void send_socket(const Napi::CallbackInfo& info) {
  const int channel = info[0].As<Napi::Number>();
  if (!tsvde::slirp::send_descriptor(channel, 0, info[1].As<Napi::Number>()))
    throw errno_error(info.Env(), errno, "sendmsg");
}

Napi::Value connect_unix(const Napi::CallbackInfo& info) {
  const Address address = unix_address(info[0]);
  Fd fd = stream_socket(info.Env());
  if (connect(fd.number(), address.get(), address.size) < 0) throw errno_error(info.Env(), errno, "connect");
  return Napi::Number::New(info.Env(), fd.release());
}

Napi::Value duplicate(const Napi::CallbackInfo& info) {
  const int fd = fcntl(info[0].As<Napi::Number>(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) throw errno_error(info.Env(), errno, "fcntl");
  return Napi::Number::New(info.Env(), fd);
}

}  // namespace

void init_datagrams(Napi::Env env, Napi::Object exports) {
  exports.Set("openUdp", Napi::Function::New(env, open_udp));
  exports.Set("openUnixPeer", Napi::Function::New(env, open_unix));
  exports.Set("openMulticast", Napi::Function::New(env, open_multicast));
  exports.Set("listenUnix", Napi::Function::New(env, listen_unix));
  exports.Set("bindInternet", Napi::Function::New(env, bind_internet));
  exports.Set("sendDescriptor", Napi::Function::New(env, send_socket));
  exports.Set("connectUnix", Napi::Function::New(env, connect_unix));
  exports.Set("duplicate", Napi::Function::New(env, duplicate));
}
