// Frames that own their bytes, and endpoints that record or refuse frames.
#pragma once

#include <algorithm>
#include <cerrno>
#include <deque>
#include <memory>
#include <tuple>
#include <vector>

#include "engine/switch.h"

namespace tsvde::test {

using Bytes = std::vector<uint8_t>;

inline Bytes frame_bytes(uint64_t destination, uint64_t source, size_t size = 60, uint8_t fill = 0) {
  Bytes bytes(std::max<size_t>(size, 14), fill);
  for (int i = 0; i < 6; i++) {
    bytes[i] = static_cast<uint8_t>(destination >> (8 * (5 - i)));
    bytes[6 + i] = static_cast<uint8_t>(source >> (8 * (5 - i)));
  }
  bytes[12] = 0x88;
  bytes[13] = 0xb5;
  bytes.resize(size);
  return bytes;
}

constexpr uint64_t kBroadcast = 0xffff'ffff'ffff;
constexpr uint64_t kA = 0x0200'0000'000a;
constexpr uint64_t kB = 0x0200'0000'000b;

inline Bytes tagged(Bytes bytes, uint16_t tag) {
  const Bytes inserted = {0x81, 0x00, static_cast<uint8_t>(tag >> 8), static_cast<uint8_t>(tag)};
  bytes.insert(bytes.begin() + 12, inserted.begin(), inserted.end());
  return bytes;
}

// A frame as receive() leaves it, in a buffer with room for padding.
struct Slot {
  explicit Slot(const Bytes& bytes) : room(std::max<size_t>(bytes.size(), kFramePadded), 0xaa) {
    std::ranges::copy(bytes, room.begin());
    frame.parts[0] = {room.data(), bytes.size()};
  }
  Bytes room;
  Frame frame;
};

// An endpoint that accepts `room` frames and then returns EAGAIN. If `error` is set, each frame fails with
// that error. `errors` has the result of each of the next frames: an errno, or 0 for success.
class FakeEndpoint final : public Endpoint {
 public:
  explicit FakeEndpoint(Offloads offloads = 0) { set_offloads(offloads); }
  void set_offloads(Offloads offloads) { offloads_ = offloads; }
  Moved receive(std::span<Frame>, Time) override { return {0, EAGAIN}; }
  Moved send(std::span<Frame* const> frames, Time) override {
    uint32_t taken = 0;
    for (const Frame* frame : frames) {
      if (error != 0) return {taken, error};
      if (room == 0) return {taken, EAGAIN};
      if (!errors.empty()) {
        const int refused = errors.front();
        errors.pop_front();
        if (refused != 0) return {taken, refused};
      }
      room--;
      taken++;
      sent.push_back(frame->copy());
      undone.push_back(frame->offload);
    }
    return {taken, 0};
  }
  std::vector<Bytes> sent;
  std::vector<Offload> undone;
  uint32_t room = 1u << 30;
  int error = 0;
  std::deque<int> errors;
};

// A switch whose endpoints are fakes, with the part of the loop that forwards.
struct Bench : Switch::Observer {
  explicit Bench(uint32_t ports, uint32_t mac_limit = 1024, uint32_t queue_limit = 4) : sw(mac_limit, *this) {
    for (uint32_t i = 1; i <= ports; i++) attach(i, queue_limit);
  }
  Bench(const Bench&) = delete;  // the switch refers to this object
  Bench& operator=(const Bench&) = delete;

  FakeEndpoint& attach(uint32_t number, uint32_t queue_limit = 4, Offloads offloads = 0) {
    Port& port = sw.add_port(number);
    auto fake = std::make_unique<FakeEndpoint>(offloads);
    FakeEndpoint& reference = *fake;
    port.attachments.push_back(
        std::make_unique<Attachment>(port, next_id++, std::move(fake), queue_limit, memory));
    sw.update_active(port);
    return reference;
  }

  FakeEndpoint& at(uint32_t number, size_t index = 0) {
    return static_cast<FakeEndpoint&>(*sw.port(number)->attachments[index]->endpoint);
  }

  void send(uint32_t from, const std::vector<Bytes>& all, int64_t second = 0) {
    std::deque<Slot> slots;
    std::vector<Frame> frames;
    for (const Bytes& bytes : all) frames.push_back(slots.emplace_back(bytes).frame);
    forward(from, frames, second);
  }

  void forward(uint32_t from, std::span<Frame> frames, int64_t second = 0) {
    sw.route(*sw.port(from), frames, second * kSecond);
    flush();
  }
  void flush() {
    for (auto* ports : {&sw.touched(), &sw.copied_to()}) {
      for (Port* port : *ports) began_waiting += port->transmit(0) ? 1 : 0;
      ports->clear();
    }
  }
  void drain(uint32_t number, size_t index = 0) {
    Port& port = *sw.port(number);
    port.drain(*port.attachments[index], 0);
  }

  void moved(MacKey, uint32_t from, uint32_t to, bool again) override { moves.push_back({from, to, again}); }
  void flapping(MacKey, uint32_t port, uint32_t elsewhere, int64_t seconds) override {
    flaps.push_back({port, elsewhere, seconds});
  }
  void bpdu(const Port& from, const Frame& frame) override { bpdus.push_back({from.number, frame.vlan}); }
  void captured(const Port& port, const Frame& frame, bool received) override {
    captures.push_back({port.number, received, frame.copy()});
  }

  void dropped(const Port& port, const Frame& frame, Counter reason) override {
    drops.push_back({port.number, reason, frame.copy()});
  }

  uint64_t count(uint32_t number, Counter counter) { return sw.port(number)->counters[counter]; }

  struct Capture {
    uint32_t port;
    bool received;
    Bytes bytes;
    bool operator==(const Capture&) const = default;
  };
  std::vector<std::tuple<uint32_t, uint32_t, bool>> moves;     // from, to, again
  std::vector<std::tuple<uint32_t, uint32_t, int64_t>> flaps;  // port, elsewhere, seconds
  std::vector<std::pair<uint32_t, uint16_t>> bpdus;            // port, VLAN
  std::vector<Capture> captures;
  std::vector<std::tuple<uint32_t, Counter, Bytes>> drops;
  QueueMemory memory;
  Switch sw;
  uint32_t next_id = 1;
  int began_waiting = 0;
};

}  // namespace tsvde::test
