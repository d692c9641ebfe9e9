// The user-mode stack's parts, with the libslirp that is installed. It is restricted: nothing of what is sent
// here leaves for anywhere.
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <csignal>
#include <cstring>

#include "engine/fd.h"
#include "slirp/control.h"
#include "slirp/relay.h"
#include "slirp/stack.h"
#include "test/check.h"

using namespace tsvde;
using namespace tsvde::slirp;
using namespace tsvde::test;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes hex(const char* text) {
  Bytes bytes;
  for (const char* at = text; *at != '\0'; at++) {
    if (*at == ' ') continue;
    const char digits[3] = {at[0], at[1], '\0'};
    bytes.push_back(static_cast<uint8_t>(std::strtoul(digits, nullptr, 16)));
    at++;
  }
  return bytes;
}

// Checksums are filled in by sealed().
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

// RFC 1071, of one part after another.
uint16_t checksum(std::initializer_list<std::span<const uint8_t>> parts, uint32_t sum) {
  for (const std::span<const uint8_t> part : parts)
    for (size_t i = 0; i < part.size(); i++) sum += i % 2 == 0 ? part[i] << 8 : part[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

// With right checksums, where there is room for them: so that a changed frame gets past the first look.
Bytes sealed(Bytes frame) {
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

Config restricted() {
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

const Library& library() {
  static Library opened;
  static const std::string missing = opened.open();
  if (!missing.empty()) std::printf("%s\n", missing.c_str());
  CHECK(missing.empty());
  return opened;
}

// A stack, the switch's end of its frames, and the turns of its loop.
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

  // What it answers, with the EtherType, to one frame.
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

}  // namespace

TEST("the stack hears what is for it, and nothing else") {
  Config config = restricted();
  config.guest_forwards.push_back({GuestForward::Kind::command, {htonl(0x0a000264)}, 80, "x"});
  const Filter filter(config);
  const auto judge = [&](const Bytes& frame) { return filter.judge(frame, frame.size()); };
  for (const char* wanted : {kArp, kPing, kDiscover, kSolicit, kRouterSolicit, kSyn, kTftp})
    CHECK(judge(hex(wanted)) == Verdict::pass);
  const auto sent_to = [&](const char* mac, const char* frame) {
    Bytes bytes = hex(frame);
    const Bytes address = hex(mac);
    std::ranges::copy(address, bytes.begin());
    return judge(bytes);
  };
  for (const char* own : {"52550a000202", "52550a000203", "52550a000264"})
    CHECK(sent_to(own, kSyn) == Verdict::pass);
  for (const char* own : {"525600000002", "525600000003"}) CHECK(sent_to(own, kSolicit) == Verdict::pass);
  for (const char* other : {"525400000002", "52550a000205", "525600000004"})
    CHECK(sent_to(other, kSyn) == Verdict::not_for_us);
  CHECK(sent_to("01005e0000fb", kSyn) == Verdict::not_for_us);  // mDNS
  CHECK(sent_to("3333000000fb", kSolicit) == Verdict::not_for_us);
  CHECK(sent_to("ffffffffffff", kSyn) == Verdict::not_for_us);
  CHECK(sent_to("ffffffffffff", kTftp) == Verdict::pass);
  Bytes other_port = hex(kDiscover);
  other_port[37] = 99;
  CHECK(judge(other_port) == Verdict::not_for_us);
}

TEST("frames of the wrong size are told apart, and short ones are not read beyond their end") {
  const Filter filter(restricted());
  const Bytes frame = hex(kDiscover);
  for (size_t size = 0; size < frame.size(); size++) {
    const Bytes cut(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(size));
    CHECK((filter.judge(cut, size) == Verdict::too_short) == (size < 14));
  }
  const Bytes longest(1514, 0xff);
  CHECK(filter.judge(longest, 1514) != Verdict::too_long);
  CHECK(filter.judge(longest, 1515) == Verdict::too_long);
}

TEST("an argument that cannot be read is named") {
  for (const char* wrong :
       {"mtu", "mtu=", "mtu=x", "mtu=1500x", "host=10.0.2", "ipv4=yes", "what=ever", "guestfwd=10.0.2.4 80",
        "guestfwd=10.0.2.4 80 ftp x", "guestfwd=10.0.2.4 99999 cmd x"}) {
    std::string word = wrong;
    char* argument = word.data();
    Config config;
    CHECK(config.read({&argument, 1}) == wrong);
  }
}

TEST("the stack answers ARP and ping, and counts what it drops") {
  const World world;
  world.send(hex(kArp));
  const Bytes reply = world.receive(0x0806);
  CHECK(reply.size() >= 42 && Bytes(reply.begin() + 6, reply.begin() + 12) == hex("52550a000202"));
  world.send(sealed(hex(kPing)));
  const Bytes echo = world.receive(0x0800);
  CHECK(echo.size() >= 42 && echo[23] == 1 && echo[34] == 0);
  world.send(Bytes(13));
  world.send(Bytes(1515));
  world.send(hex("525400000002 525400000001 0800"));
  const Drops& drops = world.stack->drops();
  CHECK(drops.too_short == 1 && drops.too_long == 1 && drops.not_for_us == 1 && drops.not_taken == 0);
}

TEST("fragments in their order make a whole datagram, and no other ever reaches libslirp") {
  Reassembly reassembly;
  uint64_t dropped = 0;
  const auto fragment = [](uint16_t place, size_t size, uint8_t id) {
    Bytes frame = hex(kPing);
    frame.resize(34 + size, 7);
    frame[16] = static_cast<uint8_t>((20 + size) >> 8);
    frame[17] = static_cast<uint8_t>(20 + size);
    frame[19] = id;
    frame[20] = static_cast<uint8_t>(place >> 8);
    frame[21] = static_cast<uint8_t>(place);
    return sealed(std::move(frame));
  };
  const auto add = [&](const Bytes& frame) { return reassembly.add(frame, dropped).size(); };
  CHECK(add(sealed(hex(kPing))) == 42);
  CHECK(add(fragment(0x2000, 80, 1)) == 0 && add(fragment(0x2000 | 10, 16, 1)) == 0);
  CHECK(add(fragment(12, 5, 1)) == 34 + 101 && dropped == 0);
  CHECK(add(fragment(12, 5, 1)) == 0 && dropped == 1);                                      // the last alone
  CHECK(add(fragment(0x2000 | 10, 16, 2)) == 0 && dropped == 2);                            // a middle alone
  CHECK(add(fragment(0x2000, 80, 3)) == 0 && add(fragment(9, 5, 3)) == 0 && dropped == 3);  // an overlap
  CHECK(add(fragment(0x2000, 80, 3)) == 0 && dropped == 4);                                 // once more
  Bytes wrong = fragment(0x2000, 80, 4);
  wrong[24] ^= 1;
  CHECK(add(wrong) == 0 && dropped == 5);
  for (size_t size = 14; size < 100; size++) {
    const Bytes whole = fragment(0x2000, 80, 5);
    CHECK(add(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size))) == (size < 34 ? size : 0));
  }
  for (uint16_t at = 0; at < 8191; at += 8) (void)add(fragment(static_cast<uint16_t>(0x2000 | at), 64, 6));
  CHECK(add(fragment(8190, 64, 6)) == 0);  // more than a datagram may have
  for (uint8_t id = 10; id < 40; id++) CHECK(add(fragment(0x2000, 80, id)) == 0);
  CHECK(add(fragment(10, 8, 39)) == 34 + 88 && add(fragment(10, 8, 10)) == 0);
}

TEST("a switch that is gone costs frames and nothing else") {
  World world;
  world.send(hex(kArp));
  CHECK(::send(world.ours.number(), hex(kArp).data(), 42, 0) == 42);
  world.ours = Fd();
  world.turn();
  CHECK(world.stack->drops().not_taken > 0);
}

TEST("forwards from the host are made once, and ended") {
  const World world;
  sockaddr_storage host{};
  sockaddr_storage guest{};
  auto& at = reinterpret_cast<sockaddr_in&>(host);
  auto& to = reinterpret_cast<sockaddr_in&>(guest);
  at.sin_family = to.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(22);
  // A port that is free now.
  const Fd probe(socket(AF_INET, SOCK_STREAM, 0));
  socklen_t size = sizeof at;
  CHECK(bind(probe.number(), reinterpret_cast<sockaddr*>(&host), sizeof at) == 0);
  getsockname(probe.number(), reinterpret_cast<sockaddr*>(&host), &size);
  CHECK(world.stack->add_host_forward(host, guest, true) == 0);
  CHECK(world.stack->add_host_forward(host, guest, true) == EADDRINUSE);
  CHECK(world.stack->connections().find("UDP[HOST_FORWARD]") != std::string::npos);
  CHECK(world.stack->remove_host_forward(host, true) == 0);
  CHECK(world.stack->remove_host_forward(host, true) == ENOENT);
}

TEST("whatever guests send, the stack answers still") {
  World world;
  const std::vector<Bytes> seeds = {hex(kArp),           hex(kPing), hex(kDiscover), hex(kSolicit),
                                    hex(kRouterSolicit), hex(kSyn),  hex(kTftp)};
  for (int i = 0; i < 20000; i++) {
    Bytes frame = seeds[random_below(static_cast<uint32_t>(seeds.size()))];
    if (random_below(4) == 0) frame.resize(random_below(1600));
    // The addresses stay, mostly: what is for nobody here goes no further than the filter.
    for (uint32_t changes = random_below(8); changes > 0 && frame.size() > 12; changes--)
      frame[12 + random_below(static_cast<uint32_t>(frame.size()) - 12)] =
          static_cast<uint8_t>(random_below(256));
    world.send(sealed(std::move(frame)));
    if (i % 64 == 0)
      while (!world.receive(0).empty()) {
      }
    while (recv(world.ours.number(), nullptr, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0) {
    }
  }
  world.send(hex(kArp));
  CHECK(!world.receive(0x0806).empty());
}

TEST("commands are obeyed line by line, however they are cut") {
  World world;
  int in[2];
  int out[2];
  CHECK(pipe(in) == 0 && pipe(out) == 0);
  const Fd commands(in[0]), answers(out[0]), answering(out[1]);
  Fd writer(in[1]);
  Control control(commands.number(), answering.number());
  const std::string text =
      "info\nremove udp 127.0.0.1 9\nadd tcp here 1 there 2\nadd tcp 10.0.2.15 1 unix \nnonsense\n";
  for (const char byte : text) {
    CHECK(write(writer.number(), &byte, 1) == 1);
    CHECK(control.read(*world.stack));
  }
  char reply[2000];
  const std::string said(reply, static_cast<size_t>(read(answers.number(), reply, sizeof reply)));
  CHECK(said.starts_with("text "));
  CHECK(said.ends_with("done 2\ndone 22\ndone 22\ndone 22\n"));
  writer = Fd();
  CHECK(!control.read(*world.stack));
}

TEST("a relay carries bytes and ends both ways, and a closed target is an end") {
  const Fd service(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  CHECK(bind(service.number(), reinterpret_cast<sockaddr*>(&address), size) == 0 &&
        listen(service.number(), 9) == 0);
  getsockname(service.number(), reinterpret_cast<sockaddr*>(&address), &size);
  const std::string target = "127.0.0.1 " + std::to_string(ntohs(address.sin_port));
  for (const bool open : {true, false}) {
    if (!open) shutdown(service.number(), SHUT_RDWR);
    Relay relay({GuestForward::Kind::tcp, {}, 80, target});
    CHECK(relay.failure().empty());
    const auto turn = [&] {
      std::vector<pollfd> polled;
      relay.fill(polled);
      poll(polled.data(), polled.size(), 10);
      relay.dispatch(polled);
    };
    const Fd guest(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un path{};
    path.sun_family = AF_UNIX;
    relay.path().copy(path.sun_path, sizeof path.sun_path - 1);
    CHECK(connect(guest.number(), reinterpret_cast<sockaddr*>(&path), sizeof path) == 0);
    turn();
    if (!open) {
      for (int i = 0; i < 10; i++) turn();
      char byte;
      const ssize_t size = recv(guest.number(), &byte, 1, MSG_DONTWAIT);
      CHECK(size == 0 || (size < 0 && errno != EAGAIN));
      continue;
    }
    const Fd served(accept(service.number(), nullptr, nullptr));
    fcntl(guest.number(), F_SETFL, O_NONBLOCK);
    fcntl(served.number(), F_SETFL, O_NONBLOCK);
    const Bytes sent(300'000, 7);
    size_t written = 0;
    size_t arrived = 0;
    Bytes room(sent.size());
    for (int i = 0; i < 2000 && arrived < sent.size(); i++) {
      const ssize_t out = send(guest.number(), &sent[written], sent.size() - written, MSG_NOSIGNAL);
      written += out > 0 ? static_cast<size_t>(out) : 0;
      if (written == sent.size()) shutdown(guest.number(), SHUT_WR);
      turn();
      const ssize_t in = recv(served.number(), &room[arrived], room.size() - arrived, 0);
      arrived += in > 0 ? static_cast<size_t>(in) : 0;
    }
    CHECK(arrived == sent.size() && room == sent);
    for (int i = 0; i < 5; i++) turn();
    char byte;
    CHECK(recv(served.number(), &byte, 1, 0) == 0);  // the guest's end came through
    CHECK(send(served.number(), "back", 4, 0) == 4);
    turn();
    char answer[4];
    CHECK(recv(guest.number(), answer, 4, 0) == 4 && std::memcmp(answer, "back", 4) == 0);
  }
}
