// Frames of guests, and a stack that receives them. The stack is restricted: it connects to nothing outside.
#pragma once

#include <sys/socket.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "engine/fd.h"
#include "slirp/stack.h"
#include "test/check.h"

namespace tsvde::test {

using namespace tsvde::slirp;

using Bytes = std::vector<uint8_t>;

inline Bytes hex(const char* text) {
  Bytes bytes;
  for (const char* at = text; *at != '\0'; at++) {
    if (*at == ' ') continue;
    const char digits[3] = {at[0], at[1], '\0'};
    bytes.push_back(static_cast<uint8_t>(std::strtoul(digits, nullptr, 16)));
    at++;
  }
  return bytes;
}

// Frames in hexadecimal, without checksums, which sealed() fills in.
constexpr const char* kArp =
    "ffffffffffff 525400000001 0806 0001 0800 06 04 0001 525400000001 0a00020f 000000000000 0a000202";
constexpr const char* kPing =
    "52550a000202 525400000001 0800 4500001c 00010000 40010000 0a00020f 0a000202 08000000 00010001";
constexpr const char* kDiscover =
    "ffffffffffff 525400000001 0800 4500010e 00000000 40110000 00000000 ffffffff 00440043 00fa0000"
    "01010600 12345678 00000000 00000000 00000000 00000000 00000000 525400000001";
constexpr const char* kSolicit =
    "3333ff000002 525400000001 86dd 60000000 00183aff fe80000000000000 0000000000000001"
    "ff02000000000000 00000001ff000002 87000000 00000000 fec0000000000000 0000000000000002";
constexpr const char* kRouterSolicit =
    "333300000002 525400000001 86dd 60000000 00083aff fe80000000000000 0000000000000001"
    "ff02000000000000 0000000000000002 85000000 00000000";
constexpr const char* kSyn =
    "52550a000202 525400000001 0800 45000028 00010000 40060000 0a00020f 0a000202 c0000050 00000001"
    "00000000 5002ffff 00000000";
constexpr const char* kTftp =
    "52550a000202 525400000001 0800 4500002c 00010000 40110000 0a00020f 0a000202 c0000045 00180000 0001"
    "66696c65 00 6f63746574 00 00000000";

// Returns the frame with correct checksums, as far as it is long enough to contain them. So a frame that a
// test has changed is not dropped for its checksum.
inline Bytes sealed(Bytes frame) {
  const std::span<uint8_t> all(frame);
  const auto put = [&](size_t at, auto... sum_of) {
    if (at + 2 > frame.size()) return;
    frame[at] = frame[at + 1] = 0;
    const uint16_t sum = checksum(sum_of...);
    frame[at] = static_cast<uint8_t>(sum >> 8);
    frame[at + 1] = static_cast<uint8_t>(sum);
  };
  using Parts = std::initializer_list<std::span<const uint8_t>>;
  if (frame.size() >= 34 && frame[12] == 8 && frame[13] == 0) {
    const uint8_t protocol = frame[23];
    const uint32_t length = static_cast<uint32_t>(frame.size()) - 34;
    put(24, Parts{all.subspan(14, 20)}, 0u);
    if (protocol == 1) put(36, Parts{all.subspan(34)}, 0u);
    if (protocol == 6) put(50, Parts{all.subspan(26, 8), all.subspan(34)}, length + 6);
    if (protocol == 17) put(40, Parts{all.subspan(26, 8), all.subspan(34)}, length + 17);
  } else if (frame.size() >= 54 && frame[12] == 0x86) {
    put(56, Parts{all.subspan(22, 32), all.subspan(54)},
        static_cast<uint32_t>(frame.size()) - 54 + frame[20]);
  }
  return frame;
}

inline Config restricted() {
  Config config;
  std::vector<std::string> words = {"ipv4=on",
                                    "ipv6=on",
                                    "restrict=on",
                                    "net=10.0.2.0",
                                    "mask=255.255.255.0",
                                    "host=10.0.2.2",
                                    "dns=10.0.2.3",
                                    "dhcpstart=10.0.2.15",
                                    "ipv6-prefix=fec0::",
                                    "ipv6-prefixlen=64",
                                    "ipv6-host=fec0::2",
                                    "ipv6-dns=fec0::3",
                                    "mtu=1500",
                                    "host-loopback=off"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  CHECK(config.read(arguments).empty());
  return config;
}

inline const Library& library() {
  static Library opened;
  static const std::string missing = opened.open();
  if (!missing.empty()) skip(missing);
  return opened;
}

// A stack, the switch's end of its frame socket, and turn(), which is one turn of the stack's loop.
struct World {
  World() {
    std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends);
    ours = Fd(ends[0]);
    theirs = Fd(ends[1]);
    stack = std::make_unique<Stack>(library(), config, theirs.number());
    CHECK(stack->failure().empty());
  }

  void turn() const {
    std::vector<pollfd> polled = {{theirs.number(), POLLIN, 0}};
    int timeout_ms = 0;
    stack->fill(polled, timeout_ms);
    const bool failed = poll(polled.data(), polled.size(), timeout_ms) < 0;
    stack->dispatch(polled, failed);
    stack->receive();
  }

  void send(const Bytes& frame) const {
    CHECK(::send(ours.number(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size()));
    turn();
  }

  // Returns the next frame of this EtherType that the stack has sent; an empty one if there is none.
  [[nodiscard]] Bytes receive(uint16_t type) const {
    for (;;) {
      Bytes frame(2000);
      const ssize_t size = recv(ours.number(), frame.data(), frame.size(), MSG_DONTWAIT);
      if (size < 0) return {};
      frame.resize(static_cast<size_t>(size));
      if (frame.size() > 13 && (frame[12] << 8 | frame[13]) == type) return frame;
    }
  }

  Config config = restricted();
  Fd ours, theirs;
  std::unique_ptr<Stack> stack;
};

}  // namespace tsvde::test
