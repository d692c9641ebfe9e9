// Tests the relay of name queries on a host with only IPv6 name servers.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "slirp/dns_relay.h"
#include "test/slirp_world.h"

using namespace tsvde;
using namespace tsvde::slirp;
using namespace tsvde::test;

namespace {

// A query for "a.b" from a guest to the name server.
Bytes query(uint16_t port, const char* destination = "10.0.2.3") {
  const Bytes message = hex("1234 0100 0001 0000 0000 0000 0161 0162 00 0001 0001");
  Bytes frame(kPayload);
  frame.insert(frame.end(), message.begin(), message.end());
  Datagram datagram{
      .source = {}, .destination = {}, .source_port = port, .destination_port = 53, .payload = {}};
  inet_pton(AF_INET, "10.0.2.15", &datagram.source);
  inet_pton(AF_INET, destination, &datagram.destination);
  datagram.payload = std::span(frame).subspan(kPayload);
  write_datagram(frame.data(), {0x52, 0x54, 0, 0, 0, 1}, {0x52, 0x55, 10, 0, 2, 3}, datagram);
  return frame;
}

struct Fixture {
  explicit Fixture(const char* servers, bool restrict_guests = false) {
    Config config = restricted();
    config.restricted = restrict_guests;
    std::ofstream(path) << servers;
    relay = std::make_unique<DnsRelay>(
        config,
        DnsRelay::Parts{.send = [this](auto frame) { sent.emplace_back(frame.begin(), frame.end()); },
                        .warn = [this](const std::string& text) { warned.push_back(text); }},
        path);
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  ~Fixture() { unlink(path.c_str()); }

  void turn(int64_t now_ms) const {
    std::vector<pollfd> polled(1, {.fd = -1, .events = 0, .revents = 0});
    relay->fill(polled);
    poll(polled.data(), polled.size(), 0);
    relay->dispatch(polled, now_ms);
  }

  std::string path = "/tmp/tsvde-resolver-" + std::to_string(getpid());
  std::vector<Bytes> sent;
  std::vector<std::string> warned;
  std::unique_ptr<DnsRelay> relay;
};

}  // namespace

TEST("queries are taken only if the host has IPv6 name servers and no IPv4 name server") {
  for (const char* servers : {"nameserver 127.0.0.1\n", "nameserver ::1\n nameserver\t192.0.2.1\n"}) {
    Fixture fixture(servers);
    CHECK(!fixture.relay->receive(query(1000), 1) && fixture.warned.empty());
  }
  Fixture none("search x\n#nameserver ::1\n");
  CHECK(!none.relay->receive(query(1000), 1) && !none.relay->receive(query(1000), 5000));
  CHECK(none.warned.size() == 1);
  // The file is read again after a second.
  std::ofstream(none.path) << "nameserver ::1\n";
  CHECK(!none.relay->receive(query(1000), 5500) && none.relay->receive(query(1000), 6000));
  Fixture restricting("nameserver ::1\n", true);
  CHECK(!restricting.relay->receive(query(1000), 1));
  Fixture fixture("options x\nnameserver fe80::1%lo\nnameserver ::1\n");
  CHECK(!fixture.relay->receive(query(1000, "10.0.2.2"), 1) && fixture.warned.empty());
  CHECK(!fixture.relay->receive(sealed(hex(kTftp)), 1));
  for (size_t size = 14; size < query(1).size(); size++) {
    const Bytes whole = query(1);
    (void)fixture.relay->receive(std::span(whole).first(size), 1);
  }
  CHECK(fixture.relay->size() == 0);
}

TEST("queries that nobody answers are bounded in number and time") {
  Fixture fixture("nameserver ::1\n");
  for (uint16_t port = 1000; port < 1500; port++) CHECK(fixture.relay->receive(query(port), 1));
  CHECK(fixture.relay->size() <= DnsRelay::kQueries && fixture.warned.size() == 1);
  fixture.turn(1 + DnsRelay::kTimeoutMs);
  CHECK(fixture.relay->size() == 0);
}

TEST("an answer reaches the guest that asked, and one that is too long is cut to its question") {
  const Fd server(socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  address.sin6_port = htons(53);
  if (bind(server.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    skip("[::1]:53 cannot be bound");
  Fixture fixture("nameserver ::1\n");
  for (const size_t size : {100, 5000}) {
    CHECK(fixture.relay->receive(query(4321), 1));
    Bytes message(6000);
    socklen_t length = sizeof address;
    const ssize_t asked = recvfrom(server.number(), message.data(), message.size(), 0,
                                   reinterpret_cast<sockaddr*>(&address), &length);
    CHECK(asked == 21 && message[0] == 0x12);
    message.resize(size);
    message[2] = 0x81;
    message[7] = 9;
    CHECK(sendto(server.number(), message.data(), size, 0, reinterpret_cast<sockaddr*>(&address), length) ==
          static_cast<ssize_t>(size));
    fixture.turn(2);
    CHECK(fixture.sent.size() == 1 && fixture.relay->size() == 0);
    if (fixture.sent.empty()) return;
    const Bytes frame = fixture.sent.back();
    fixture.sent.clear();
    Datagram answer{};
    CHECK(read_datagram(frame, answer) && answer.source_port == 53 && answer.destination_port == 4321);
    CHECK(text_of(answer.source) == "10.0.2.3" && text_of(answer.destination) == "10.0.2.15");
    CHECK(frame[5] == 1 && frame[0] == 0x52 && frame[6] == 0x52 && frame[7] == 0x55);
    if (size == 100) CHECK(std::ranges::equal(answer.payload, message));
    if (size == 5000)
      CHECK(answer.payload.size() == 21 && answer.payload[2] == 0x83 && answer.payload[7] == 0);
  }
}
