// A load generator for any VDE switch: one sender, one or more receivers, each a client by the control
// protocol. load DIRECTORY SIZE WINDOW RECEIVERS SECONDS: keeps WINDOW frames in flight and prints what was
// delivered, as JSON.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

namespace {

constexpr unsigned kBatch = 64;

[[noreturn]] void fail(const char* what) {
  perror(what);
  exit(1);
}

uint64_t nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// A client's end: joined, and connected back, since an unconnected receiver would measure the kernel's short
// queue.
class Client {
 public:
  Client(const std::string& directory, uint8_t number) : number_(number) {
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
    if (read(control_, &reply, sizeof reply) != sizeof reply) fail("reply");
    if (connect(data_, reinterpret_cast<sockaddr*>(&reply), sizeof reply) < 0) fail("connect data");
    unlink(own.sun_path);
  }

  [[nodiscard]] int fd() const { return data_; }
  void address(uint8_t* bytes) const {
    const uint8_t mac[6] = {0x02, 0, 0, 0, 0xbe, number_};
    memcpy(bytes, mac, sizeof mac);
  }

 private:
  uint8_t number_;
  int data_, control_;
};

struct Messages {
  explicit Messages(size_t size) : bytes(kBatch * size) {
    for (unsigned i = 0; i < kBatch; i++) {
      vectors[i] = {&bytes[i * size], size};
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
  }
  std::vector<uint8_t> bytes;
  std::array<iovec, kBatch> vectors{};
  std::array<mmsghdr, kBatch> headers{};
};

double percentile(std::vector<uint32_t>& samples, double share) {
  if (samples.empty()) return 0;
  const auto at = samples.begin() + static_cast<ptrdiff_t>(share * static_cast<double>(samples.size() - 1));
  std::nth_element(samples.begin(), at, samples.end());
  return *at / 1000.0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    fprintf(stderr, "load DIRECTORY SIZE WINDOW RECEIVERS SECONDS\n");
    return 2;
  }
  const std::string directory = argv[1];
  const size_t size = strtoul(argv[2], nullptr, 10);
  const uint64_t window = strtoul(argv[3], nullptr, 10);
  const unsigned receivers = static_cast<unsigned>(strtoul(argv[4], nullptr, 10));
  const double seconds = strtod(argv[5], nullptr);

  Client sender(directory, 0);
  std::vector<Client> all;
  for (unsigned i = 0; i < receivers; i++) all.emplace_back(directory, static_cast<uint8_t>(i + 1));

  // Each receiver is heard once, so that its address is known; the sender throws those frames away.
  Messages in(65536);
  Messages out(size);
  for (const Client& receiver : all) {
    std::vector<uint8_t> hello(60, 0xff);
    receiver.address(&hello[6]);
    if (send(receiver.fd(), hello.data(), hello.size(), 0) < 0) fail("hello");
    if (recv(sender.fd(), in.bytes.data(), in.bytes.size(), 0) < 0) fail("hello");
  }
  for (const Client& receiver : all) {
    while (recv(receiver.fd(), in.bytes.data(), in.bytes.size(), MSG_DONTWAIT) > 0) continue;
  }
  for (unsigned i = 0; i < kBatch; i++) {
    uint8_t* frame = &out.bytes[i * size];
    memset(frame, 0xff, 6);  // to everybody, or, below, to the only one
    if (receivers == 1) all[0].address(frame);
    sender.address(frame + 6);
    frame[12] = 0x88;
    frame[13] = 0xb5;
  }

  std::vector<uint64_t> received(receivers);
  std::vector<uint32_t> waits;
  std::vector<pollfd> polls;
  for (const Client& receiver : all) polls.push_back({.fd = receiver.fd(), .events = POLLIN, .revents = 0});
  uint64_t sent = 0, lost = 0;
  const uint64_t start = nanoseconds();
  const uint64_t end = start + static_cast<uint64_t>(seconds * 1e9);
  uint64_t now = start, sent_at = start;
  while (now < end) {
    const uint64_t slowest = *std::ranges::min_element(received);
    uint64_t credit = std::min<uint64_t>(window - (sent - slowest), kBatch);
    while (credit > 0) {
      sent_at = nanoseconds();
      const int count =
          sendmmsg(sender.fd(), out.headers.data(), static_cast<unsigned>(credit), MSG_DONTWAIT);
      if (count <= 0) break;
      sent += static_cast<uint64_t>(count);
      credit -= static_cast<uint64_t>(count);
    }
    // Nothing for so long: what is missing was dropped by the switch, and the window opens again.
    if (poll(polls.data(), polls.size(), 100) == 0) {
      for (uint64_t& count : received) {
        lost += sent - count;
        count = sent;
      }
    }
    for (unsigned i = 0; i < receivers; i++) {
      if ((polls[i].revents & POLLIN) == 0) continue;
      const int count = recvmmsg(polls[i].fd, in.headers.data(), kBatch, MSG_DONTWAIT, nullptr);
      if (count > 0) received[i] += static_cast<uint64_t>(count);
    }
    now = nanoseconds();
    if (window == 1 && waits.size() < 10'000'000) waits.push_back(static_cast<uint32_t>(now - sent_at));
  }
  uint64_t delivered = 0;
  for (const uint64_t count : received) delivered += count;
  delivered -= lost;
  const double elapsed = static_cast<double>(now - start) / 1e9;
  printf("{\"delivered\":%lu,\"lost\":%lu,\"seconds\":%.6f,\"p50\":%.2f,\"p99\":%.2f}\n", delivered, lost,
         elapsed, percentile(waits, 0.5), percentile(waits, 0.99));
}
