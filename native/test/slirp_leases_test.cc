// Tests DHCP and its leases: which guest gets which address, what a flood can do, and how leases are taken
// back.
#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "slirp/guests.h"
#include "slirp/lease_server.h"
#include "test/slirp_world.h"

using namespace tsvde;
using namespace tsvde::slirp;
using namespace tsvde::test;

namespace {

in_addr address(const char* text) {
  in_addr result{};
  inet_pton(AF_INET, text, &result);
  return result;
}

Mac mac(uint32_t n) {
  return {
      0x52, 0x54, 0, static_cast<uint8_t>(n >> 16), static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)};
}

// Returns a guest's request, with DHCP options in hexadecimal.
Bytes request(const Mac& guest, const std::string& options, const char* own = "0.0.0.0") {
  Bytes frame(kPayload + 240);
  uint8_t* message = &frame[kPayload];
  message[0] = message[1] = 1;
  message[2] = 6;
  write16(&message[4], 0x1234);
  const in_addr has = address(own);
  std::memcpy(&message[12], &has, 4);
  std::ranges::copy(guest, &message[28]);
  const Bytes rest = hex(("63825363" + options + "ff").c_str());
  frame.resize(kPayload + 236);
  frame.insert(frame.end(), rest.begin(), rest.end());
  write_datagram(frame.data(), guest, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                 {.source = has,
                  .destination = {INADDR_BROADCAST},
                  .source_port = 68,
                  .destination_port = 67,
                  .payload = std::span(frame).subspan(kPayload)});
  return frame;
}

std::string hex_of(const char* dotted) {
  const in_addr value = address(dotted);
  char text[9];
  std::snprintf(text, sizeof text, "%08x", ntohl(value.s_addr));
  return text;
}

// Returns the value of a DHCP option in a reply; an empty one if the reply does not have the option.
Bytes option(const Bytes& frame, uint8_t code) {
  for (size_t at = kPayload + 240; at + 1 < frame.size() && frame[at] != 255; at += 2 + frame[at + 1])
    if (frame[at] == code)
      return {frame.begin() + static_cast<ptrdiff_t>(at) + 2,
              frame.begin() + static_cast<ptrdiff_t>(at) + 2 + frame[at + 1]};
  return {};
}

struct Fixture {
  explicit Fixture(Config given = restricted())
      : config(std::move(given)),
        server(config, {.send = [this](auto frame) { sent.emplace_back(frame.begin(), frame.end()); },
                        .ask = [this](const std::string& text) { asked.push_back(text); },
                        .leased = [](const Mac&, in_addr) {},
                        .note = [this](bool, const std::string& text) { notes.push_back(text); }}) {}

  // Returns the type and the address of the answer to a request, such as "2 10.0.2.15"; "" if there is none.
  std::string ask(const Bytes& frame) {
    sent.clear();
    CHECK(server.receive(frame, now_ms));
    return answer();
  }
  std::string answer() {
    if (sent.empty()) return "";
    const Bytes frame = sent.back();
    Datagram datagram{};
    CHECK(read_datagram(frame, datagram));
    in_addr yours{};
    std::memcpy(&yours, &frame[kPayload + 16], 4);
    return std::to_string(option(frame, 53).at(0)) + " " + text_of(yours);
  }
  std::string discover(uint32_t guest, const std::string& options = "") {
    return ask(request(mac(guest), "350101" + options));
  }
  std::string confirm(uint32_t guest, const char* wanted) {
    return ask(request(mac(guest), "350103 3204" + hex_of(wanted)));
  }
  // Discovers and confirms an address, as a guest does. Returns the address; "" if none was offered.
  std::string lease(uint32_t guest) {
    const std::string offer = discover(guest);
    if (!offer.starts_with("2 ")) return "";
    const std::string address = offer.substr(2);
    CHECK(confirm(guest, address.c_str()) == "5 " + address);
    return address;
  }
  void fill() {
    for (uint32_t n = 0; n < Leases::kAddresses; n++, now_ms += 1000)
      CHECK(lease(n) == "10.0.2." + std::to_string(15 + n));
  }

  Config config;
  std::vector<Bytes> sent;
  std::vector<std::string> asked, notes;
  int64_t now_ms = 1'000'000;
  LeaseServer server;
};

}  // namespace

TEST("guests get addresses in order, keep them when they renew, and are refused those of others") {
  Fixture fixture;
  fixture.fill();
  CHECK(fixture.asked.empty());
  CHECK(fixture.discover(3) == "2 10.0.2.18");
  CHECK(fixture.ask(request(mac(3), "350103", "10.0.2.18")) == "5 10.0.2.18");  // a renewal
  CHECK(fixture.ask(request(mac(3), "350103", "10.0.2.19")) == "6 0.0.0.0");
  CHECK(fixture.confirm(3, "10.0.2.19") == "6 0.0.0.0" && fixture.confirm(3, "10.0.3.1") == "6 0.0.0.0");
  // A guest that has chosen another server gets no answer.
  CHECK(fixture.ask(request(mac(3), "350103 3604 0a000209 3204" + hex_of("10.0.2.18"))).empty());
  // A released address is offered to the next guest, and to a further one too, since an offer is not a lease.
  CHECK(fixture.ask(request(mac(5), "350107", "10.0.2.20")).empty());
  CHECK(fixture.discover(100) == "2 10.0.2.20" && fixture.discover(101) == "2 10.0.2.20");
  CHECK(fixture.confirm(100, "10.0.2.20") == "5 10.0.2.20" &&
        fixture.confirm(101, "10.0.2.20") == "6 0.0.0.0");
}

TEST("a requested address is granted if it is free, also to a guest that the stack does not know") {
  Fixture fixture;
  CHECK(fixture.discover(1, "3204" + hex_of("10.0.2.30")) == "2 10.0.2.30");
  CHECK(fixture.confirm(1, "10.0.2.30") == "5 10.0.2.30");
  CHECK(fixture.ask(request(mac(2), "350103", "10.0.2.29")) == "5 10.0.2.29");
  CHECK(fixture.discover(3, "3204" + hex_of("10.0.2.30")) == "2 10.0.2.15");
  CHECK(fixture.discover(3, "3204" + hex_of("192.168.1.9")) == "2 10.0.2.15");
  // A guest that asks for another address gives up its earlier address.
  CHECK(fixture.confirm(1, "10.0.2.16") == "5 10.0.2.16" && fixture.server.leases().leased().size() == 2);
  // A declined address is the last to be offered.
  CHECK(fixture.ask(request(mac(1), "350104 3204" + hex_of("10.0.2.16"))).empty());
  CHECK(fixture.lease(4) == "10.0.2.17" && fixture.lease(5) == "10.0.2.18");
}

TEST("BOOTP gets an address at once, and broken requests get nothing") {
  Fixture fixture;
  Bytes bootp = request(mac(1), "");
  bootp.resize(kPayload + 236);
  bootp.resize(kPayload + 300);
  write_datagram(bootp.data(), mac(1), {},
                 {.source = {},
                  .destination = {INADDR_BROADCAST},
                  .source_port = 68,
                  .destination_port = 67,
                  .payload = std::span(bootp).subspan(kPayload)});
  CHECK(fixture.ask(bootp) == "5 10.0.2.15" && fixture.server.leases().leased().size() == 1);
  const Bytes whole = request(mac(2), "350101 3204" + hex_of("10.0.2.20"));
  for (size_t size = 14; size < whole.size(); size++) {
    fixture.sent.clear();
    (void)fixture.server.receive(std::span(whole).first(size), fixture.now_ms);
    CHECK(fixture.sent.empty());
  }
  for (int i = 0; i < rounds(20'000); i++) {
    Bytes frame = whole;
    for (uint32_t changes = 1 + random_below(6); changes > 0; changes--)
      frame[kPayload + random_below(static_cast<uint32_t>(frame.size() - kPayload))] =
          static_cast<uint8_t>(random_below(256));
    write16(&frame[40], 0);  // no checksum
    (void)fixture.server.receive(frame, fixture.now_ms);
  }
  // A request to another server is not answered here.
  Bytes elsewhere = whole;
  write16(&elsewhere[30], 0x0808);
  CHECK(!fixture.server.receive(elsewhere, fixture.now_ms));
  Config without = restricted();
  without.dhcp = false;
  Fixture off(without);
  CHECK(!off.server.receive(whole, off.now_ms));
}

TEST("only addresses that a guest can have are leased") {
  Config config = restricted();
  config.dhcp_start = address("10.0.2.251");
  Fixture end(config);
  for (const char* last : {"10.0.2.251", "10.0.2.252", "10.0.2.253", "10.0.2.254"})
    CHECK(end.lease(htonl(address(last).s_addr)) == last);
  CHECK(end.lease(9).empty() && end.asked.size() == 1);
  config.dhcp_start = address("10.0.2.0");
  config.guest_forwards.push_back({GuestForward::Kind::command, address("10.0.2.4"), 80, "x"});
  Fixture begin(config);
  std::vector<std::string> given;
  for (uint32_t n = 0; n < 4; n++) given.push_back(begin.lease(n));
  CHECK((given == std::vector<std::string>{"10.0.2.1", "10.0.2.5", "10.0.2.6", "10.0.2.7"}));
}

TEST(
    "a full table asks the switch, gives away the address of a guest that is gone, and refuses if all are "
    "present") {
  Fixture fixture;
  fixture.fill();
  CHECK(fixture.discover(100).empty() && fixture.discover(100).empty() && fixture.asked.size() == 1);
  CHECK(fixture.asked[0].starts_with("full " + text_of(mac(0)) + " " + text_of(mac(1)) + " "));
  fixture.server.reclaim(mac(7), fixture.now_ms);
  CHECK(fixture.answer() == "2 10.0.2.22" && fixture.notes.size() == 1 && fixture.server.refused() == 0);
  CHECK(fixture.confirm(100, "10.0.2.22") == "5 10.0.2.22");
  CHECK(fixture.confirm(7, "10.0.2.22") == "6 0.0.0.0");  // the guest that lost the address is refused it
  CHECK(fixture.discover(101).empty() && fixture.asked.size() == 2);
  fixture.server.probe({}, fixture.now_ms);
  CHECK(fixture.answer().empty() && fixture.server.refused() == 1 && fixture.notes.size() == 2);
  // After a refusal the switch is not asked again for kRestMs, and a new request waits.
  CHECK(fixture.discover(101).empty() && fixture.asked.size() == 2);
  CHECK(fixture.server.due() == fixture.now_ms + LeaseServer::kRestMs);
  fixture.server.run(fixture.now_ms += LeaseServer::kRestMs);
  CHECK(fixture.asked.size() == 3);
  // A lease that its guest has not confirmed for a day has expired.
  fixture.server.probe({}, fixture.now_ms);
  fixture.now_ms += int64_t{Leases::kSeconds + 20} * 1000;
  CHECK(fixture.lease(102) == "10.0.2.15");
}

TEST("a guest that may be there is asked by ARP before its address is given away") {
  Fixture fixture;
  fixture.fill();
  CHECK(fixture.discover(100).empty());
  fixture.server.probe({mac(2), mac(4)}, fixture.now_ms);
  CHECK(fixture.sent.size() == 2 && fixture.sent[0].size() == 42 && read16(&fixture.sent[0][12]) == kTypeArp);
  CHECK(std::ranges::equal(std::span(fixture.sent[0]).first(6), mac(2)));
  CHECK(std::memcmp(&fixture.sent[0][38], "\x0a\x00\x02\x11", 4) == 0);
  fixture.server.heard(mac(2));
  fixture.server.run(fixture.now_ms);
  fixture.server.run(fixture.now_ms += LeaseServer::kProbeMs - 1);
  CHECK(fixture.sent.size() == 2);
  fixture.server.run(++fixture.now_ms);
  CHECK(fixture.answer() == "2 10.0.2.19");
  CHECK(fixture.confirm(100, "10.0.2.19") == "5 10.0.2.19");
  // If all probed guests have answered, the request is refused at once.
  CHECK(fixture.discover(101).empty());
  fixture.server.probe({mac(2)}, fixture.now_ms);
  fixture.server.heard(mac(2));
  fixture.server.run(fixture.now_ms);
  CHECK(fixture.server.refused() == 1);
}

TEST("a flood of discoveries from random addresses takes no lease, and a guest amid the flood gets one") {
  Fixture fixture;
  for (uint32_t i = 0; i < 5000; i++) CHECK(fixture.discover(1000 + i).starts_with("2 "));
  const std::string offer = fixture.discover(1);
  for (uint32_t i = 0; i < 100; i++) (void)fixture.discover(9000 + i);
  CHECK(fixture.confirm(1, offer.substr(2).c_str()) == "5 " + offer.substr(2));
  CHECK(fixture.server.leases().leased().size() == 1 && fixture.asked.empty());
  // When all addresses are leased, the number of waiting requests is bounded.
  for (uint32_t n = 2; fixture.server.leases().leased().size() < Leases::kAddresses; n++)
    (void)fixture.lease(n);
  for (uint32_t i = 0; i < 5000; i++) CHECK(fixture.discover(20'000 + i).empty());
  CHECK(fixture.asked.size() == 1 && fixture.server.refused() == 5000 - LeaseServer::kWaiting);
}

TEST("an address that a guest uses without DHCP is leased to no other, and no guest can claim all of them") {
  Fixture fixture;
  Leases& leases = fixture.server.leases();
  leases.use(mac(50), address("10.0.2.15"), 1000);
  CHECK(fixture.lease(1) == "10.0.2.16");
  for (uint32_t n = 15; n < 31; n++) leases.use(mac(50), {htonl(0x0a000200 + n)}, 1000);
  CHECK(leases.leased().size() == 2);
  leases.use(mac(51), address("10.0.2.16"), 1000);
  CHECK(fixture.ask(request(mac(1), "350103", "10.0.2.16")) == "5 10.0.2.16");
  leases.use(mac(51), address("10.0.2.2"), 1000);
  CHECK(leases.leased().size() == 2);
}

TEST("replies have those of the configured options that fit") {
  Config config = restricted();
  config.restricted = false;
  config.hostname = "guest";
  config.domain_name = "dom.example";
  config.tftp_server_name = "tftp.example";
  config.boot_file = "boot.bin";
  config.dns_search = {"a.example", "", "b..c", std::string(64, 'x') + ".example", "b.example"};
  Fixture fixture(config);
  CHECK(fixture.lease(1) == "10.0.2.15");
  const Bytes ack = fixture.sent.back();
  CHECK(option(ack, 1) == hex("ffffff00") && option(ack, 3) == hex("0a000202") &&
        option(ack, 6) == hex("0a000203"));
  CHECK(option(ack, 51) == hex("00015180") && option(ack, 54) == hex("0a000202"));
  const auto text = [&](uint8_t code) {
    const Bytes value = option(ack, code);
    return std::string(value.begin(), value.end());
  };
  CHECK(text(12) == "guest" && text(15) == "dom.example" && text(66) == "tftp.example");
  CHECK(text(119) == std::string("\1a\7example\0\1b\7example\0", 22));
  CHECK(std::strcmp(reinterpret_cast<const char*>(&ack[kPayload + 108]), "boot.bin") == 0);
  CHECK(ack.size() >= kPayload + 300 && ack.size() <= 14 + 576);
  config.dns_search.assign(8, std::string(60, 'y') + ".example");
  config.restricted = true;
  Fixture longer(config);
  CHECK(longer.lease(1) == "10.0.2.15");
  CHECK(option(longer.sent.back(), 119).empty() && option(longer.sent.back(), 3).empty());
  CHECK(option(longer.sent.back(), 12).size() == 5);
  // A guest that accepts longer datagrams gets the whole search list, in options of at most 255 bytes.
  (void)longer.ask(request(mac(1), "350101 3902 05dc"));
  CHECK(option(longer.sent.back(), 119).size() == 255 && longer.sent.back().size() <= 1514);
}

TEST("guests are known by the addresses that they claim, and cannot claim the stack's own") {
  Guests guests(restricted());
  CHECK(guests.learn(hex(kArp)).s_addr == address("10.0.2.15").s_addr && guests.changed());
  CHECK(guests.text({}) == "52:54:00:00:00:01,10.0.2.15,::,0" && !guests.changed());
  CHECK(guests.learn(hex(kArp)).s_addr != 0 && !guests.changed());
  const auto claims = [&](const char* sender) {
    Bytes arp = hex(kArp);
    const in_addr claimed = address(sender);
    std::memcpy(&arp[28], &claimed, 4);
    return guests.learn(arp).s_addr != 0;
  };
  for (const char* not_a_guest : {"0.0.0.0", "10.0.2.2", "10.0.2.3", "10.0.3.1"}) CHECK(!claims(not_a_guest));
  Bytes forged = hex(kArp);
  forged[27]++;  // the ARP sender address now differs from the frame's source address
  CHECK(guests.learn(forged).s_addr == 0);
  // Duplicate address detection: a neighbour solicitation from :: for fec0::15.
  Bytes solicit = hex(kSolicit);
  std::fill_n(&solicit[22], 16, 0);
  solicit[77] = 0x15;
  CHECK(guests.learn(solicit).s_addr == 0 && guests.changed());
  CHECK(guests.text({{.address = address("10.0.2.15"), .guest = mac(1)}}) ==
        "52:54:00:00:00:01,10.0.2.15,fec0::15,1");
  CHECK(guests.learn(hex(kSolicit)).s_addr == 0 && !guests.changed());  // fe80::1 is link-local
  for (uint32_t n = 0; n < 1000; n++) guests.learn(mac(1000 + n), address("10.0.2.20"));
  const std::string text = guests.text({});
  CHECK(static_cast<size_t>(std::ranges::count(text, ' ')) == Guests::kLimit - 1);
}
