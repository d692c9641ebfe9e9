// Tests the user-mode stack's parts against the installed libslirp.
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "slirp/control.h"
#include "slirp/relay.h"
#include "test/slirp_world.h"

using namespace tsvde;
using namespace tsvde::slirp;
using namespace tsvde::test;

TEST("the stack accepts the frames that are for it, and no others") {
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
  // All nodes, all routers, all DHCP servers and relays, solicited nodes; then groups that differ in one
  // byte.
  for (const char* group : {"333300000001", "333300000002", "333300010002", "3333ff000000", "3333ffabcdef"})
    CHECK(sent_to(group, kSolicit) == Verdict::pass);
  for (const char* group : {"333300000000", "333300000003", "3333000000fb", "333300010001", "333300010003",
                            "333300020002", "333301000002", "3333fe000002", "3332ff000002", "3133ff000002"})
    CHECK(sent_to(group, kSolicit) == Verdict::not_for_us);
  CHECK(sent_to("333300000001", kSyn) == Verdict::not_for_us);  // an IPv4 datagram to an IPv6 group
  CHECK(sent_to("ffffffffffff", kSyn) == Verdict::not_for_us);
  CHECK(sent_to("ffffffffffff", kTftp) == Verdict::pass);
  Bytes other_port = hex(kDiscover);
  other_port[37] = 99;
  CHECK(judge(other_port) == Verdict::not_for_us);
}

TEST("the stack accepts frames to each configured address, but not to those of a family that is off") {
  const auto hears = [](const Config& config, const char* mac) {
    Bytes frame = hex(kSyn);
    const Bytes address = hex(mac);
    std::ranges::copy(address, frame.begin());
    return Filter(config).judge(frame, frame.size()) == Verdict::pass;
  };
  Config config = restricted();
  inet_pton(AF_INET, "10.0.2.7", &config.host);
  inet_pton(AF_INET, "10.0.2.8", &config.dns);
  inet_pton(AF_INET6, "fec0::5:6", &config.ipv6_host);
  inet_pton(AF_INET6, "fec0::7:8", &config.ipv6_dns);
  for (const char* own : {"52550a000207", "52550a000208", "525600050006", "525600070008"})
    CHECK(hears(config, own));
  CHECK(hears(config, "525600000002"));  // the router, fe80::2
  for (const char* other : {"52550a000202", "52550a000203", "525600000003", "525600000005"})
    CHECK(!hears(config, other));
  config.ipv6 = false;
  CHECK(hears(config, "52550a000207") && !hears(config, "525600050006") && !hears(config, "525600000002"));
  config.ipv6 = true;
  config.ipv4 = false;
  CHECK(!hears(config, "52550a000207") && hears(config, "525600050006") && hears(config, "525600000002"));
}

TEST("frames that are too short or too long are told apart, and none is read beyond its end") {
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

TEST("a switch that is gone costs frames and nothing else") {
  World world;
  world.send(hex(kArp));
  CHECK(::send(world.ours.number(), hex(kArp).data(), 42, 0) == 42);
  world.ours = Fd();
  world.turn();
  CHECK(world.stack->drops().not_taken > 0);
}

TEST("libslirp answers a datagram whose fragments arrive backwards") {
  const World world;
  world.send(hex(kArp));
  CHECK(!world.receive(kTypeArp).empty());
  Bytes whole = sealed([] {
    Bytes frame = hex(kPing);
    frame.resize(34 + 4000, 7);
    write16(&frame[16], 4020);
    return frame;
  }());
  for (const size_t at : {2960, 1480, 0}) {
    Bytes part(whole.begin(), whole.begin() + 34);
    const size_t size = std::min<size_t>(1480, 4000 - at);
    write16(&part[16], 20 + size);
    write16(&part[20], at / 8 | (at + size < 4000 ? 0x2000 : 0));
    write16(&part[24], 0);
    write16(&part[24], checksum({std::span(part).subspan(14)}));
    const auto data = whole.begin() + 34 + static_cast<ptrdiff_t>(at);
    part.insert(part.end(), data, data + static_cast<ptrdiff_t>(size));
    world.send(part);
  }
  size_t answered = 0;
  for (Bytes part; !(part = world.receive(kTypeIpv4)).empty();) answered += read16(&part[16]) - size_t{20};
  CHECK(answered == 4000 && world.stack->drops().fragments == 0);
}

TEST("a forward from the host can be added only once, and removed only once") {
  const World world;
  sockaddr_storage host{};
  sockaddr_storage guest{};
  auto& at = reinterpret_cast<sockaddr_in&>(host);
  auto& to = reinterpret_cast<sockaddr_in&>(guest);
  at.sin_family = to.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(22);
  // Find a port that is free now.
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

TEST("a forward from port 0 says which port it got") {
  const World world;
  for (const bool udp : {false, true}) {
    for (const char* address : {"127.0.0.1", "::1"}) {
      sockaddr_storage host{};
      sockaddr_storage guest{};
      if (std::strchr(address, ':') == nullptr) {
        host.ss_family = guest.ss_family = AF_INET;
        inet_pton(AF_INET, address, &reinterpret_cast<sockaddr_in&>(host).sin_addr);
      } else {
        host.ss_family = guest.ss_family = AF_INET6;
        inet_pton(AF_INET6, address, &reinterpret_cast<sockaddr_in6&>(host).sin6_addr);
      }
      reinterpret_cast<sockaddr_in&>(guest).sin_port = htons(22);
      CHECK(world.stack->add_host_forward(host, guest, udp) == 0);
      const uint16_t port = ntohs(reinterpret_cast<sockaddr_in&>(host).sin_port);
      CHECK(port != 0);
      CHECK(world.stack->connections().find(" " + std::to_string(port) + " ") != std::string::npos);
      CHECK(world.stack->add_host_forward(host, guest, udp) == EADDRINUSE);
      CHECK(world.stack->remove_host_forward(host, udp) == 0);
    }
  }
}

TEST("whatever guests send, the stack still answers") {
  World world;
  const std::vector<Bytes> seeds = {hex(kArp),           hex(kPing), hex(kDiscover), hex(kSolicit),
                                    hex(kRouterSolicit), hex(kSyn),  hex(kTftp)};
  for (int i = 0; i < 20000; i++) {
    Bytes frame = seeds[random_below(static_cast<uint32_t>(seeds.size()))];
    if (random_below(4) == 0) frame.resize(random_below(1600));
    // The Ethernet addresses stay, since the filter would drop a frame for any other destination.
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

TEST("commands are executed line by line, however the input is split") {
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
  CHECK(said.ends_with("done 2 9\ndone 22 0\ndone 22 0\ndone 22 0\n"));
  writer = Fd();
  CHECK(!control.read(*world.stack));
}

TEST("a relay passes on bytes both ways and the end of a stream; a closed target ends the connection") {
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
    const auto turn = [&] {
      std::vector<pollfd> polled;
      relay.fill(polled);
      poll(polled.data(), polled.size(), 10);
      relay.dispatch(polled);
    };
    const Fd guest = relay.open();
    CHECK(guest.number() >= 0);
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
    CHECK(recv(served.number(), &byte, 1, 0) == 0);  // the relay has passed on the end of the guest's stream
    CHECK(send(served.number(), "back", 4, 0) == 4);
    turn();
    char answer[4];
    CHECK(recv(guest.number(), answer, 4, 0) == 4 && std::memcmp(answer, "back", 4) == 0);
  }
}
