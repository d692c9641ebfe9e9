// The lower bound on a switch's cost: what it costs the kernel to move a frame from one client to the others.
// The relay implements only the necessary part of the control protocol, reads no addresses, and neither
// counts nor queues frames. Its batches are sized like the engine's. Usage: relay DIRECTORY
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "engine/batch.h"

namespace {

using tsvde::kBatch;
constexpr size_t kSlot = 65536 + 1600;  // not a power of two, so that slots are spread over the cache

struct [[gnu::packed]] Request {
  uint32_t magic, version, type;
  sockaddr_un address;
};

void watch(int epoll, int fd) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

// Makes the data socket for a client: bound to a name beside ctl and connected to the client's socket.
int join(const std::string& directory, int control, unsigned number) {
  std::array<char, 512> message{};
  if (read(control, message.data(), message.size()) < static_cast<ssize_t>(sizeof(Request))) return -1;
  Request request;
  memcpy(&request, message.data(), sizeof request);
  sockaddr_un own{.sun_family = AF_UNIX, .sun_path = {}};
  snprintf(own.sun_path, sizeof own.sun_path, "%s/%03u.%u", directory.c_str(), number, number);
  unlink(own.sun_path);
  const int data = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  sockaddr_un peer = request.address;
  if (connect(data, reinterpret_cast<sockaddr*>(&peer), sizeof peer) < 0) return -1;
  if (bind(data, reinterpret_cast<sockaddr*>(&own), sizeof own) < 0) return -1;
  return write(control, &own, sizeof own) == sizeof own ? data : -1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string directory = argv[1];
  mkdir(directory.c_str(), 0700);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  snprintf(address.sun_path, sizeof address.sun_path, "%s/ctl", directory.c_str());
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 || listen(listener, 100) < 0)
    return 1;

  static std::array<uint8_t, kBatch * kSlot> slab;
  std::array<iovec, kBatch> vectors{};
  std::array<mmsghdr, kBatch> headers{};
  std::vector<int> clients;
  std::vector<uint32_t> batches;  // by descriptor
  const int epoll = epoll_create1(0);
  watch(epoll, listener);
  for (;;) {
    std::array<epoll_event, 64> events{};
    const int ready = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; i++) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == listener) {
        const int control = accept(listener, nullptr, nullptr);
        const int data = join(directory, control, static_cast<unsigned>(clients.size()) + 1);
        if (data < 0) continue;
        clients.push_back(data);
        batches.resize(static_cast<size_t>(data) + 1, 1);
        watch(epoll, data);
        continue;
      }
      uint32_t& batch = batches[static_cast<size_t>(fd)];
      for (unsigned slot = 0; slot < batch; slot++) {
        vectors[slot] = {&slab[slot * kSlot], 65536};
        headers[slot].msg_hdr.msg_iov = &vectors[slot];
        headers[slot].msg_hdr.msg_iovlen = 1;
      }
      const int count = recvmmsg(fd, headers.data(), batch, MSG_DONTWAIT, nullptr);
      batch = tsvde::next_batch(batch, static_cast<uint32_t>(std::max(count, 0)));
      for (int slot = 0; slot < count; slot++)
        vectors[static_cast<size_t>(slot)].iov_len = headers[static_cast<size_t>(slot)].msg_len;
      for (const int other : clients) {
        if (other != fd && count > 0)
          sendmmsg(other, headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
      }
    }
  }
}
