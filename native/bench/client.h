// A client that uses the control protocol of any VDE switch. The client's data socket is connected to the
// switch's: a load on an unconnected socket would measure how many datagrams the kernel lets wait in a queue.
#pragma once

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

constexpr unsigned kBatch = 64;

[[noreturn]] inline void fail(const char* what) {
  perror(what);
  exit(1);
}

inline uint64_t nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// Buffers of equal size for sendmmsg(2) and recvmmsg(2).
struct Messages {
  explicit Messages(size_t size, uint8_t fill = 0) : size(size), bytes(kBatch * size, fill) {
    for (unsigned i = 0; i < kBatch; i++) {
      vectors[i] = {frame(i), size};
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
  }
  [[nodiscard]] uint8_t* frame(unsigned i) { return &bytes[i * size]; }

  size_t size;
  std::vector<uint8_t> bytes;
  std::array<iovec, kBatch> vectors{};
  std::array<mmsghdr, kBatch> headers{};
};

class Client {
 public:
  Client(const std::string& directory, uint16_t number) : number_(number) {
    sockaddr_un own{.sun_family = AF_UNIX, .sun_path = {}};
    snprintf(own.sun_path, sizeof own.sun_path, "%s/.%05d-%05d", directory.c_str(), getpid(), number);
    data_ = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (bind(data_, reinterpret_cast<sockaddr*>(&own), sizeof own) < 0) fail("bind");

    sockaddr_un control{.sun_family = AF_UNIX, .sun_path = {}};
    snprintf(control.sun_path, sizeof control.sun_path, "%s/ctl", directory.c_str());
    control_ = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(control_, reinterpret_cast<sockaddr*>(&control), sizeof control) < 0) fail("connect ctl");
    struct [[gnu::packed]] {
      uint32_t magic = 0xfeedface, version = 3, type = 0;
      sockaddr_un address;
    } request;
    request.address = own;
    if (write(control_, &request, sizeof request) != sizeof request) fail("request");
    sockaddr_un reply{};
    if (read(control_, &reply, sizeof reply) <= 0) fail("reply");
    if (connect(data_, reinterpret_cast<sockaddr*>(&reply), sizeof reply) < 0) fail("connect data");
    unlink(own.sun_path);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  virtual ~Client() = default;

  [[nodiscard]] int fd() const { return data_; }
  // Sends the first `count` frames. Returns how many of them the kernel accepted; none if the result is less
  // than 1.
  virtual int send(Messages& out, unsigned count) {
    return sendmmsg(data_, out.headers.data(), count, MSG_DONTWAIT);
  }
  // Receives frames. Returns how many; none if the result is less than 1.
  virtual int receive(Messages& in) {
    return recvmmsg(data_, in.headers.data(), kBatch, MSG_DONTWAIT, nullptr);
  }
  // Writes one of the client's MAC addresses. Index 0 is its own address; further indices make the client
  // look like several stations.
  void address(uint8_t* bytes, uint32_t index = 0) const {
    const uint8_t mac[6] = {0x02,
                            static_cast<uint8_t>(index >> 16),
                            static_cast<uint8_t>(index >> 8),
                            static_cast<uint8_t>(index),
                            static_cast<uint8_t>(number_ >> 8),
                            static_cast<uint8_t>(number_)};
    memcpy(bytes, mac, sizeof mac);
  }

 protected:
  // Used by subclasses, which make their own kind of socket.
  Client(int data, uint16_t number) : number_(number), data_(data) {}

 private:
  uint16_t number_;
  int data_, control_ = -1;
};

inline void allow_many_files() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}
