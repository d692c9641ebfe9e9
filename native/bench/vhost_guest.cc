// vhost_guest SOCKET FEATURES: a front end of vhost-user and the driver of its guest, for tests in
// TypeScript. Accepts those of the features (a mask in hexadecimal) that the back end offers. Each record on
// standard input and output is a length in 4 bytes, in host byte order, then a virtio-net header of 12 bytes
// and a frame. The first record on standard output is the mask of the accepted features, in 8 bytes. Ends
// when the back end closes the connection or standard input ends.
#include <sys/un.h>

#include <algorithm>

#include "test/vhost_driver.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

constexpr uint32_t kPosted = 192;       // receive buffers
constexpr uint32_t kMergedSize = 1526;  // of a buffer if a frame may take several, as in Linux
constexpr uint32_t kWholeSize = 66'000;
constexpr int kTimeoutMs = 10'000;

[[noreturn]] void fail(const char* what) {
  perror(what);
  _exit(1);
}

Fd connected(const char* path) {
  Fd end(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  if (connect(end.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) fail(path);
  return end;
}

bool read_all(void* bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t got = read(STDIN_FILENO, static_cast<uint8_t*>(bytes) + done, size - done);
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

void write_record(int out, const Octets& content) {
  Octets record = FrontEnd::payload(static_cast<uint32_t>(content.size()));
  record.insert(record.end(), content.begin(), content.end());
  for (size_t done = 0; done < record.size();) {
    const ssize_t put = write(out, record.data() + done, record.size() - done);
    if (put <= 0) _exit(0);
    done += static_cast<size_t>(put);
  }
}

class Guest {
 public:
  Guest(Fd end, uint64_t wanted, int out) : front_end_(std::move(end)), out_(out) {
    const auto offered = front_end_.ask(Request::get_features);
    if (!offered) fail("get_features");
    features_ = *offered & wanted;
    front_end_.connect(features_);
    for (uint32_t i = 0; i < kPosted; i++) front_end_.post(i, buffer_size());
    eventfd_write(front_end_.receive.kick.number(), 1);
    write_record(out_, FrontEnd::payload(features_));
  }

  void run() {
    for (;;) {
      receive();
      pollfd waiting[3] = {{STDIN_FILENO, POLLIN, 0},
                           {front_end_.receive.call.number(), POLLIN, 0},
                           {front_end_.socket.number(), POLLIN, 0}};
      if (poll(waiting, 3, -1) < 0) fail("poll");
      if (waiting[1].revents != 0) signals(front_end_.receive.call);
      if (waiting[2].revents != 0) return;
      if (waiting[0].revents != 0 && !send()) return;
    }
  }

 private:
  [[nodiscard]] bool has(uint64_t feature) const { return (features_ & feature) != 0; }
  [[nodiscard]] uint32_t buffer_size() const { return has(kMergedBuffers) ? kMergedSize : kWholeSize; }

  // Hands all frames that have arrived to standard output, and posts their buffers again.
  void receive() {
    DriverRing& ring = front_end_.receive;
    bool posted = false;
    for (;;) {
      ring.set_interrupt_threshold(ring.seen);
      std::optional<DriverRing::Used> used = ring.used();
      if (!used) break;
      Octets content = front_end_.contents(used->head, used->written);
      NetHeader header;
      std::memcpy(&header, content.data(), sizeof header);
      front_end_.post(used->head, buffer_size());
      for (uint32_t i = 1; has(kMergedBuffers) && i < header.buffers; i++) {
        used = ring.used();
        if (!used) fail("the buffers of a frame were not used together");
        const Octets more = front_end_.contents(used->head, used->written);
        content.insert(content.end(), more.begin(), more.end());
        front_end_.post(used->head, buffer_size());
      }
      posted = true;
      write_record(out_, content);
    }
    if (posted) eventfd_write(ring.kick.number(), 1);
  }

  // Sends the next frame of standard input, and waits until the back end has taken it.
  bool send() {
    uint32_t size = 0;
    if (!read_all(&size, sizeof size) || size < sizeof(NetHeader) || size > kWholeSize) return false;
    if (!read_all(front_end_.memory.at(FrontEnd::buffer(0)), size)) return false;
    DriverRing& ring = front_end_.send;
    describe(size);
    ring.set_interrupt_threshold(ring.seen);
    ring.offer(0);
    eventfd_write(ring.kick.number(), 1);
    while (!ring.used()) {
      pollfd waiting[2] = {{ring.call.number(), POLLIN, 0}, {front_end_.socket.number(), POLLIN, 0}};
      if (poll(waiting, 2, kTimeoutMs) == 0) fail("the frame was not taken");
      if (waiting[1].revents != 0) return false;
      signals(ring.call);
    }
    return true;
  }

  // Describes a frame in one of three ways, which take turns: as one part, as a header and two parts, or as
  // an indirect table of such parts.
  void describe(uint32_t size) {
    DriverRing& ring = front_end_.send;
    const uint64_t at = FrontEnd::buffer(0), table = FrontEnd::buffer(1);
    const uint32_t header = sizeof(NetHeader), first = std::min(size - header, turn_ % 40);
    const uint32_t rest = size - header - first;
    switch (turn_++ % 3) {
      case 0:
        return ring.describe(0, at, size, 0);
      case 1:
        if (first == 0 || rest == 0) return ring.describe(0, at, size, 0);
        return parts(ring.base, at, first, rest);
      default:
        if (first == 0 || rest == 0 || !has(kIndirect)) return ring.describe(0, at, size, 0);
        parts(table, at, first, rest);
        return ring.describe(0, table, 3 * sizeof(Descriptor), kIndirectFlag);
    }
  }
  void parts(uint64_t table, uint64_t at, uint32_t first, uint32_t rest) {
    const DriverRing& ring = front_end_.send;
    const uint32_t header = sizeof(NetHeader);
    ring.describe_at(table, 0, at, header, kNext, 1);
    ring.describe_at(table, 1, at + header, first, kNext, 2);
    ring.describe_at(table, 2, at + header + first, rest, 0);
  }

  FrontEnd front_end_;
  uint64_t features_ = 0;
  uint32_t turn_ = 0;
  int out_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int out = dup(STDOUT_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);  // CHECK prints to standard output
  Guest guest(connected(argv[1]), strtoull(argv[2], nullptr, 16), out);
  guest.run();
  return failures() == 0 ? 0 : 1;
}
