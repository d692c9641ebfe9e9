// A guest of a `vhost-user` port whose socket is DIRECTORY.vhost-user. The guest accepts all features, but
// sends and receives frames that need no offload.
#pragma once

#include "bench/client.h"
#include "test/vhost_driver.h"

class VhostEnd final : public Client {
 public:
  VhostEnd(const sockaddr_un& address, uint16_t number)
      : VhostEnd(std::make_unique<tsvde::test::FrontEnd>(connected(address)), number) {}

  int send(Messages& out, unsigned count) override {
    if (kHeader + out.size > kSendRoom) fail("a frame by vhost-user is too long");
    tsvde::test::DriverRing& ring = front_end_->send;
    while (ring.used()) continue;
    const uint16_t before = ring.available;
    const auto free = kSlots - static_cast<uint16_t>(before - ring.seen);
    const unsigned sent = std::min(count, free);
    for (unsigned i = 0; i < sent; i++) {
      const uint32_t slot = ring.available % kSlots;
      const uint64_t at = send_buffer(slot);
      uint8_t* bytes = front_end_->memory.at(at);
      memset(bytes, 0, kHeader);
      memcpy(bytes + kHeader, out.frame(i), out.size);
      ring.describe(slot, at, static_cast<uint32_t>(kHeader + out.size), 0);
      ring.offer(slot);
    }
    if (sent > 0 && ring.kick_is_due(before)) eventfd_write(ring.kick.number(), 1);
    return static_cast<int>(sent);
  }

  // Counts the received frames and discards them.
  int receive(Messages&) override {
    tsvde::test::DriverRing& ring = front_end_->receive;
    const uint16_t before = ring.available;
    tsvde::test::signals(ring.call);
    int frames = 0;
    uint32_t rest = 0;  // buffers of the current frame that were not counted yet
    for (;;) {
      const auto used = ring.used();
      if (!used) {
        // The threshold is set before the last look, so that no interrupt is missed.
        ring.set_interrupt_threshold(ring.seen);
        if (ring.used_index() == ring.seen) break;
        continue;
      }
      if (rest == 0) {
        tsvde::test::NetHeader header;
        memcpy(&header, front_end_->memory.at(receive_buffer(used->head)), sizeof header);
        rest = header.buffers;
        frames++;
      }
      rest--;
      post(used->head);
    }
    if (ring.available != before && ring.kick_is_due(before)) eventfd_write(ring.kick.number(), 1);
    return frames;
  }

 private:
  static constexpr uint32_t kHeader = sizeof(tsvde::test::NetHeader);
  static constexpr unsigned kSlots = 64;     // the most frames that are sent and not yet taken
  static constexpr uint32_t kBuffer = 1526;  // of one receive buffer, as in Linux
  // Buffers follow each other, as those of a driver do. If they were a power of two apart, they would compete
  // for a few sets of the cache.
  static constexpr uint64_t kSendRoom = 161 * 64;  // for 9000 bytes and all headers
  static constexpr uint64_t kReceiveRoom = 24 * 64;
  static constexpr uint64_t kBuffers = tsvde::test::kGuestBase + 2 * tsvde::test::kMegabyte;

  static uint64_t send_buffer(uint32_t slot) { return kBuffers + slot * kSendRoom; }
  static uint64_t receive_buffer(uint32_t index) { return send_buffer(kSlots) + index * kReceiveRoom; }
  void post(uint32_t index) {
    tsvde::test::DriverRing& ring = front_end_->receive;
    ring.describe(index, receive_buffer(index), kBuffer, tsvde::test::kWritable);
    ring.offer(index);
  }

  VhostEnd(std::unique_ptr<tsvde::test::FrontEnd> front_end, uint16_t number)
      : Client(front_end->receive.call.number(), number), front_end_(std::move(front_end)) {
    front_end_->connect();
    for (uint32_t i = 0; i < front_end_->receive.size; i++) post(i);
    eventfd_write(front_end_->receive.kick.number(), 1);
  }

  static tsvde::Fd connected(const sockaddr_un& address) {
    tsvde::Fd end(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(end.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
      fail(address.sun_path);
    return end;
  }

  std::unique_ptr<tsvde::test::FrontEnd> front_end_;
};
