// Tests guests that are connected to the engine by vhost-user, together with clients that have datagram
// sockets.
#include "test/vhost_guests.h"

namespace tsvde::test {
namespace {

constexpr uint32_t kGuestPort = 1;
constexpr uint32_t kClientPort = 2;

}  // namespace

TEST("vhost endpoint: frames to and from a client, one and many") {
  Loop loop(100, [](const Event&) {});
  Guest guest(loop, kGuestPort);
  const Client client(loop, kClientPort, 2);
  guest.connect(kAllFeatures & ~kOffloadFeatures);
  for (uint32_t i = 0; i < 128; i++) guest.transmit(frame_to(2, 1, 60 + i), i);
  guest.kick();
  for (uint32_t i = 0; i < 128; i++) CHECK(client.receive() == frame_to(2, 1, 60 + i));
  for (uint32_t i = 0; i < 128; i++) guest.post(i, 2000);
  for (uint32_t i = 0; i < 100; i++) {
    client.send(frame_to(1, 2, 60 + i));
    CHECK(guest.receive_frame() == FrontEnd::with_header(frame_to(1, 2, 60 + i)));
  }
  CHECK(count(loop, kGuestPort, receive_unicast) + count(loop, kGuestPort, receive_multicast) == 128);
  CHECK(count(loop, kGuestPort, transmit_unicast) == 100);
  CHECK(sleeps(loop));
}

TEST("vhost endpoint: frames wait for buffers, and their number is bounded") {
  Loop loop(100, [](const Event&) {});
  loop.set_pacing(0);
  Guest guest(loop, kGuestPort);
  const Client client(loop, kClientPort, 2);
  guest.connect();
  for (uint32_t i = 0; i < 100; i++) client.send(frame_to(1, 2, 60 + i));
  while (count(loop, kGuestPort, transmit_drop_queue_full) < 36) std::this_thread::yield();
  CHECK(sleeps(loop));
  for (uint32_t i = 0; i < 64; i++) guest.post(i, 2000);
  eventfd_write(guest.receive.kick.number(), 1);
  for (uint32_t i = 0; i < 64; i++)
    CHECK(guest.receive_frame() == FrontEnd::with_header(frame_to(1, 2, 60 + i)));
}

TEST("vhost endpoint: a frame that needs more buffers than a guest posts is dropped after a second") {
  Loop loop(100, [](const Event&) {});
  loop.set_pacing(0);
  Guest guest(loop, kGuestPort);
  const Client client(loop, kClientPort, 2);
  guest.connect();
  const auto too_long = [&] { return count(loop, kGuestPort, transmit_drop_too_long); };
  for (uint32_t i = 0; i < 3; i++) guest.post(i, 500);
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::steady_clock::now() - start; };
  client.send(frame_to(1, 2, 2000));
  client.send(frame_to(1, 2, 2001));
  client.send(frame_to(1, 2, 60));
  CHECK(guest.receive_frame() == FrontEnd::with_header(frame_to(1, 2, 60)));
  CHECK(elapsed() > std::chrono::milliseconds(990));
  CHECK(too_long() == 2);

  // The guest has still posted no other buffer, so the next frame that does not fit is dropped at once.
  client.send(frame_to(1, 2, 2002));
  client.send(frame_to(1, 2, 61));
  CHECK(guest.receive_frame() == FrontEnd::with_header(frame_to(1, 2, 61)));
  CHECK(too_long() == 3);
  CHECK(sleeps(loop));

  // The time of one second starts anew with each buffer that the guest posts.
  guest.post(3, 500);
  client.send(frame_to(1, 2, 2003));
  for (uint32_t i = 4; i < 7; i++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    CHECK(guest.receive.used_index() == 2);
    guest.post(i, 500);
    eventfd_write(guest.receive.kick.number(), 1);
  }
  CHECK(guest.receive_frame().size() == 500);
  CHECK(guest.receive.used_index() == 7);
  CHECK(too_long() == 3);
}

TEST("vhost endpoint: frames wait for a guest that has posted no buffer") {
  Loop loop(100, [](const Event&) {});
  Guest guest(loop, kGuestPort);
  const Client client(loop, kClientPort, 2);
  guest.connect();
  client.send(frame_to(1, 2, 2000));
  std::this_thread::sleep_for(std::chrono::milliseconds(1300));
  guest.post(0, 2048);
  eventfd_write(guest.receive.kick.number(), 1);
  CHECK(guest.receive_frame() == FrontEnd::with_header(frame_to(1, 2, 2000)));
}

TEST("vhost endpoint: frames for a guest without a driver are dropped") {
  Loop loop(100, [](const Event&) {});
  const Guest guest(loop, kGuestPort);
  const Client client(loop, kClientPort, 2);
  client.send(frame_to(1, 2));
  while (count(loop, kGuestPort, transmit_drop_interface_down) < 1) std::this_thread::yield();
}

TEST("vhost endpoint: two guests exchange frames, and neither ends with the other") {
  Ended ended;
  Loop loop(100, ended.sink());
  Guest one(loop, 1);
  Guest two(loop, 2);
  one.connect();
  two.connect();
  for (uint32_t i = 0; i < 128; i++) {
    two.post(i, 2000);
    one.transmit(frame_to(2, 1, 60 + i), i);
  }
  one.kick();
  for (uint32_t i = 0; i < 128; i++)
    CHECK(two.receive_frame() == FrontEnd::with_header(frame_to(2, 1, 60 + i)));
  one.send.offer(60'000);
  one.kick();
  CHECK(ended.of(1) == EPROTO);
  loop.detach(1, 1);
  const Client client(loop, 3, 3);
  two.transmit(frame_to(9, 2));
  two.kick();
  CHECK(client.receive() == frame_to(9, 2));
}

TEST("vhost endpoint: a guest that truncates its memory ends alone") {
  Ended ended;
  Loop loop(100, ended.sink());
  Guest one(loop, 1);
  const Client client(loop, 2, 2);
  const Client other(loop, 3, 3);
  one.connect();
  for (uint32_t i = 0; i < 10; i++) one.post(i, 2000);
  client.send(frame_to(1, 2));
  CHECK(one.receive_frame().size() == 72);
  CHECK(ftruncate(one.memory.file.number(), 0) == 0);
  client.send(frame_to(1, 2));
  CHECK(ended.of(1) == EPROTO);
  CHECK(other.receive().size() == 60 && other.receive().size() == 60);
}

TEST("vhost endpoint: a front end that disconnects ends its port") {
  Ended ended;
  Loop loop(100, ended.sink());
  Guest guest(loop, 1);
  guest.connect();
  guest.socket = Fd();
  CHECK(ended.of(1) == EPIPE);
}

TEST("vhost endpoint: a ring that never runs empty starves nobody") {
  Loop loop(100, [](const Event&) {});
  Guest guest(loop, 1);
  const Client client(loop, 2, 2);
  const Client other(loop, 3, 3);
  guest.connect();
  client.send(frame_to(9, 2));  // so that the guest's frames have one destination
  CHECK(other.receive().size() == 60);
  for (uint32_t i = 0; i < 256; i++) guest.transmit(frame_to(1, 1), i % 8);
  guest.kick();
  std::atomic<bool> done = false;
  std::thread flood([&] {
    while (!done) {
      while (guest.send.used()) guest.send.offer(0);
    }
  });
  for (int i = 0; i < 200; i++) {
    client.send(frame_to(3, 2));
    CHECK(other.receive().size() == 60);
  }
  done = true;
  flood.join();
}

TEST("vhost endpoint: two guests that flood each other starve no third") {
  Loop loop(100, [](const Event&) {});
  Guest one(loop, 1);
  Guest two(loop, 2);
  const Client client(loop, 3, 3);
  const Client other(loop, 4, 4);
  one.connect();
  two.connect();
  client.send(frame_to(4, 3));
  other.send(frame_to(3, 4));
  CHECK(client.receive().size() == 60);
  for (uint32_t i = 0; i < 8; i++) {
    one.transmit(frame_to(2, 1), i);
    two.transmit(frame_to(1, 2), i);
  }
  for (uint32_t i = 0; i < 128; i++) {
    one.post(i, 2000);
    two.post(i, 2000);
  }
  std::atomic<bool> done = false;
  std::thread flood([&] {
    while (!done) {
      for (Guest* guest : {&one, &two}) {
        const uint16_t before = guest->send.available;
        while (guest->send.used()) guest->send.offer(0);
        if (guest->send.kick_is_due(before)) guest->kick();
        while (const auto used = guest->receive.used()) guest->receive.offer(used->head);
      }
    }
  });
  one.kick();
  two.kick();
  const auto flooded = [&] {
    return std::min(count(loop, 1, receive_unicast), count(loop, 2, receive_unicast));
  };
  for (int i = 0; i < 200 || flooded() < 1000; i++) {
    client.send(frame_to(4, 3));
    CHECK(other.receive().size() == 60);
  }
  done = true;
  flood.join();
}

TEST("vhost endpoint: a source that is paused loses nothing and goes on without another kick") {
  Loop loop(100, [](const Event&) {});
  loop.set_pacing(5000);
  Guest one(loop, 1);
  Guest two(loop, 2);
  one.connect();
  two.connect();
  for (uint32_t i = 0; i < 200; i++) one.transmit(frame_to(2, 1, 60 + i), i);
  two.transmit(frame_to(1, 2));
  two.kick();
  while (count(loop, 2, receive_unicast) + count(loop, 2, receive_multicast) == 0) std::this_thread::yield();
  one.kick();
  while (count(loop, 1, receive_pauses) == 0) std::this_thread::yield();
  CHECK(one.send.used_index() < 200);
  CHECK(sleeps(loop));
  for (uint32_t i = 0; i < 200; i++) two.post(i, 2000);
  eventfd_write(two.receive.kick.number(), 1);
  for (uint32_t i = 0; i < 200; i++)
    CHECK(two.receive_frame() == FrontEnd::with_header(frame_to(2, 1, 60 + i)));
  CHECK(sleeps(loop));
}

TEST("vhost endpoint: kicks and interrupts are counted, and the guest's features and memory are known") {
  Loop loop(100, [](const Event&) {});
  Guest guest(loop, 1);
  const Client client(loop, 2, 2);
  const auto known = [&] {
    return loop.call([](Switch& sw, int64_t) { return *sw.port(1)->attachments[0]->endpoint->guest(); });
  };
  CHECK(known().features == 0 && known().memory_bytes == 0);
  guest.connect();
  CHECK(known().features == kAllFeatures && known().memory_bytes == guest.memory.size);
  guest.post(0, 2000);
  client.send(frame_to(1, 2));
  CHECK(guest.receive_frame().size() == 72);
  CHECK(count(loop, 1, transmit_interrupts) >= 1);
  const uint64_t before = count(loop, 1, receive_kicks);
  guest.transmit(frame_to(2, 1));
  guest.kick();
  CHECK(client.receive().size() == 60);
  CHECK(count(loop, 1, receive_kicks) == before + 1);
  CHECK(count(loop, 2, receive_kicks) == 0 && count(loop, 2, transmit_interrupts) == 0);
}

TEST("vhost endpoint: memory that is a private copy is reported once, and other memory never") {
  std::atomic<int> notices = 0;
  Loop loop(100, [&](const Event& event) {
    if (event.kind == Event::Kind::endpoint_notice && event.port == 1) notices++;
    CHECK(event.kind != Event::Kind::endpoint_notice || event.port == 1);
  });
  Guest unseen(loop, 1);
  Guest seen(loop, 2);
  const Client client(loop, 3, 3);
  const GuestMemory copy;
  unseen.memory.file = Fd(dup(copy.file.number()));
  unseen.connect();
  seen.connect();
  seen.transmit(frame_to(3, 2));
  seen.kick();
  CHECK(client.receive().size() == 60);
  for (int i = 0; i < 3; i++) {
    const uint64_t before = count(loop, 1, receive_kicks);
    unseen.transmit(frame_to(3, 1));
    unseen.kick();
    while (count(loop, 1, receive_kicks) == before) std::this_thread::yield();
  }
  CHECK(notices == 1);
}

}  // namespace tsvde::test
