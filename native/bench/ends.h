// Senders and receivers of frames: VDE clients, peers of tsvde's `stream` and `dgram` ports over unix
// sockets, and guests of its `vhost-user` ports. The paths of these sockets are beside the control directory:
// DIRECTORY.stream, DIRECTORY.vhost-user, and DIRECTORY.dgram with the peer DIRECTORY.peer.
#pragma once

#include <endian.h>

#include <memory>
#include <span>

#include "bench/client.h"
#include "bench/vhost_end.h"

inline sockaddr_un beside(const std::string& directory, const char* suffix) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  snprintf(address.sun_path, sizeof address.sun_path, "%s.%s", directory.c_str(), suffix);
  return address;
}

inline int connected(int fd, const sockaddr_un& to) {
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) fail(to.sun_path);
  return fd;
}

class DgramEnd final : public Client {
 public:
  DgramEnd(const std::string& directory, uint16_t number)
      : Client(connected(bound(beside(directory, "peer")), beside(directory, "dgram")), number) {}

 private:
  static int bound(const sockaddr_un& own) {
    const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) < 0) fail(own.sun_path);
    return fd;
  }
};

// A peer of a `stream` port. Each frame is preceded by its length in 4 bytes, as in QEMU.
class StreamEnd final : public Client {
 public:
  StreamEnd(const std::string& directory, uint16_t number)
      : Client(connected(socket(AF_UNIX, SOCK_STREAM, 0), beside(directory, "stream")), number) {}

  // Sends as many frames as the kernel accepts. If the last was accepted in part, waits to send its rest.
  int send(Messages& out, unsigned count) override {
    const uint32_t length = htobe32(static_cast<uint32_t>(out.size));
    std::array<iovec, 2 * kBatch> parts{};
    for (unsigned i = 0; i < count; i++) {
      parts[2 * i] = {const_cast<uint32_t*>(&length), sizeof length};
      parts[2 * i + 1] = {out.frame(i), out.size};
    }
    const msghdr message{.msg_name = nullptr,
                         .msg_namelen = 0,
                         .msg_iov = parts.data(),
                         .msg_iovlen = 2 * count,
                         .msg_control = nullptr,
                         .msg_controllen = 0,
                         .msg_flags = 0};
    const ssize_t size = sendmsg(fd(), &message, MSG_DONTWAIT);
    if (size <= 0) return 0;
    const size_t whole = sizeof length + out.size, sent = static_cast<size_t>(size), broken = sent % whole;
    if (broken == 0) return static_cast<int>(sent / whole);
    std::vector<uint8_t> one(sizeof length);
    memcpy(one.data(), &length, sizeof length);
    one.insert(one.end(), out.frame(sent / whole), out.frame(sent / whole) + out.size);
    for (size_t at = broken; at < whole;) {
      const ssize_t more = ::send(fd(), &one[at], whole - at, 0);
      if (more < 0) fail("send");
      at += static_cast<size_t>(more);
    }
    return static_cast<int>(sent / whole) + 1;
  }

  // Counts the received frames and discards them.
  int receive(Messages&) override {
    const ssize_t size = recv(fd(), bytes_.data() + kept_, bytes_.size() - kept_, MSG_DONTWAIT);
    if (size <= 0) return 0;
    std::span<uint8_t> rest(bytes_.data(), kept_ + static_cast<size_t>(size));
    int count = 0;
    for (uint32_t length = 0; rest.size() >= sizeof length; count++) {
      memcpy(&length, rest.data(), sizeof length);
      const size_t whole = sizeof length + be32toh(length);
      if (rest.size() < whole) break;
      rest = rest.subspan(whole);
    }
    kept_ = rest.size();
    memmove(bytes_.data(), rest.data(), kept_);
    return count;
  }

 private:
  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(1 << 18);
  size_t kept_ = 0;
};

using Ends = std::vector<std::unique_ptr<Client>>;

inline std::unique_ptr<Client> end_of_kind(const std::string& kind, const std::string& directory,
                                           uint16_t number) {
  if (kind == "vde") return std::make_unique<Client>(directory, number);
  if (kind == "dgram") return std::make_unique<DgramEnd>(directory, number);
  if (kind == "stream") return std::make_unique<StreamEnd>(directory, number);
  if (kind == "vhost-user") return std::make_unique<VhostEnd>(beside(directory, "vhost-user"), number);
  fprintf(stderr, "load: there is no kind '%s'\n", kind.c_str());
  exit(2);
}
