// Opens descriptors that Node cannot make (unix datagram sockets and TAPs), and reads the credentials of a
// stream's peer.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "addon/addon.h"
#include "engine/fd.h"

using tsvde::Fd;

namespace {

// Converts a sockaddr_un of full size: a client may have padded an abstract name with NULs, which are then
// part of the name.
sockaddr_un address_of(const Napi::Value& value) {
  const auto bytes = value.As<Napi::Uint8Array>();
  sockaddr_un address{};
  if (bytes.ByteLength() != sizeof address) {
    throw Napi::TypeError::New(value.Env(), "an address is a whole sockaddr_un of 110 bytes");
  }
  std::memcpy(&address, bytes.Data(), sizeof address);
  return address;
}

sockaddr_un address_of_path(Napi::Env env, const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) throw errno_error(env, ENAMETOOLONG, "bind", path);
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  return address;
}

void connect_to(Napi::Env env, int fd, const sockaddr_un& peer) {
  if (connect(fd, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) < 0)
    throw errno_error(env, errno, "connect");
}

Napi::Value open_datagram(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = info[0].As<Napi::String>();
  const sockaddr_un own = address_of_path(env, path);
  Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.number() < 0) throw errno_error(env, errno, "socket");
  // Connect first, so that no file has been created if connecting fails.
  if (!info[1].IsNull()) connect_to(env, fd.number(), address_of(info[1]));
  if (bind(fd.number(), reinterpret_cast<const sockaddr*>(&own), sizeof own) < 0) {
    throw errno_error(env, errno, "bind", path);
  }
  return Napi::Number::New(env, fd.release());
}

// Opens a pair of datagram sockets. Only the buffers limit what may wait in an unbound pair
// (net.unix.max_dgram_qlen applies to other sockets, unix(7)). So the buffers are large, beyond the machine's
// limit if we are permitted to exceed it.
Napi::Value datagram_pair(const Napi::CallbackInfo& info) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0)
    throw errno_error(info.Env(), errno, "socketpair");
  const int bytes = info[0].As<Napi::Number>();
  for (const int end : ends)
    if (setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
      setsockopt(end, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  Napi::Array pair = Napi::Array::New(info.Env(), 2);
  for (uint32_t i = 0; i < 2; i++) pair[i] = Napi::Number::New(info.Env(), ends[i]);
  return pair;
}

void connect_datagram(const Napi::CallbackInfo& info) {
  connect_to(info.Env(), info[0].As<Napi::Number>(), address_of(info[1]));
}

// Attaches to a TAP by one queue. A TAP made with several queues needs the flag IFF_MULTI_QUEUE. Without the
// flag the kernel fails with EINVAL, which has other causes too, so after EINVAL we try the flag.
bool attach_tap(int fd, ifreq& request, short flags) {
  for (const short queues : {short{0}, short{IFF_MULTI_QUEUE}}) {
    request.ifr_flags = static_cast<short>(flags | queues);
    if (ioctl(fd, TUNSETIFF, &request) == 0) return true;
    if (errno != EINVAL) return false;
  }
  return false;
}

Napi::Value open_tap(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string name = info[0].As<Napi::String>();
  Fd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (fd.number() < 0) throw errno_error(env, errno, "open", "/dev/net/tun");
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  // Offloads need the virtio-net header. If they are not wanted or not supported, frames have no such header.
  constexpr short kPlain = IFF_TAP | IFF_NO_PI;
  const bool offloads = info[1].ToBoolean();
  bool attached = attach_tap(fd.number(), request, offloads ? kPlain | IFF_VNET_HDR : kPlain);
  if (!attached && offloads && errno == EINVAL) attached = attach_tap(fd.number(), request, kPlain);
  if (!attached) throw errno_error(env, errno, "TUNSETIFF", name);
  Napi::Object tap = Napi::Object::New(env);
  tap.Set("name", Napi::String::New(env, request.ifr_name));
  tap.Set("multiQueue", Napi::Boolean::New(env, (request.ifr_flags & IFF_MULTI_QUEUE) != 0));
  tap.Set("fd", Napi::Number::New(env, fd.release()));
  return tap;
}

// Sends a datagram to a unix socket, given by its path or by `@` and its abstract name.
void send_datagram(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  const std::string text = info[1].As<Napi::String>();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw errno_error(info.Env(), ENAMETOOLONG, "sendto", path);
  path.copy(address.sun_path, path.size());
  if (path.starts_with('@')) address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (sendto(socket.number(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address), size) < 0)
    throw errno_error(info.Env(), errno, "sendto", path);
}

void close_descriptor(const Napi::CallbackInfo& info) {
  close(info[0].As<Napi::Number>());
}

Napi::Value peer_credentials(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ucred peer{};
  socklen_t size = sizeof peer;
  const int fd = info[0].As<Napi::Number>();
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) throw errno_error(env, errno, "getsockopt");
  Napi::Object credentials = Napi::Object::New(env);
  credentials.Set("pid", Napi::Number::New(env, peer.pid));
  credentials.Set("uid", Napi::Number::New(env, peer.uid));
  credentials.Set("gid", Napi::Number::New(env, peer.gid));
  return credentials;
}

// Sets the umask of the process. process.umask() refuses to do so in a worker.
Napi::Value set_umask(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), umask(info[0].As<Napi::Number>().Uint32Value()));
}

}  // namespace

void init_sockets(Napi::Env env, Napi::Object exports) {
  exports.Set("openDatagram", Napi::Function::New(env, open_datagram));
  exports.Set("datagramPair", Napi::Function::New(env, datagram_pair));
  exports.Set("connectDatagram", Napi::Function::New(env, connect_datagram));
  exports.Set("sendDatagram", Napi::Function::New(env, send_datagram));
  exports.Set("openTap", Napi::Function::New(env, open_tap));
  exports.Set("closeDescriptor", Napi::Function::New(env, close_descriptor));
  exports.Set("peerCredentials", Napi::Function::New(env, peer_credentials));
  exports.Set("setUmask", Napi::Function::New(env, set_umask));
}
