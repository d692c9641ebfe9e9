// A front end and a guest's virtio-net driver, for tests of a back end. They do what QEMU and Linux do, and
// whatever else a test needs. Written from the specifications: only constants and the types of messages are
// shared with the back end.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "engine/fd.h"
#include "test/check.h"
#include "test/send_files.h"
#include "test/vhost_guest_memory.h"
#include "vhost/back_end.h"

namespace tsvde::test {

using Octets = std::vector<uint8_t>;

inline Octets octets(uint32_t size, uint8_t first = 1) {
  Octets bytes(size);
  for (uint32_t i = 0; i < size; i++) bytes[i] = static_cast<uint8_t>(first + i * 7);
  return bytes;
}

// The driver's side of a ring, in a megabyte of guest memory of its own.
class DriverRing {
 public:
  DriverRing(GuestMemory& memory, uint32_t index, uint32_t ring_size)
      : size(ring_size), base(kGuestBase + index * kMegabyte), memory_(memory) {}

  static constexpr uint64_t kAvailableAt = 0x80000;
  static constexpr uint64_t kUsedAt = 0xa0000;

  [[nodiscard]] RingAddresses addresses(uint32_t index) const {
    const uint64_t user = base - kGuestBase + kUserBase;
    return {index, 0, user, user + kUsedAt, user + kAvailableAt, 0};
  }

  void describe(uint32_t index, uint64_t address, uint32_t length, uint16_t flags, uint32_t next = 0) {
    describe_at(base, index, address, length, flags, next);
  }
  // Writes a descriptor to a table at any address, such as an indirect table.
  void describe_at(uint64_t table, uint32_t index, uint64_t address, uint32_t length, uint16_t flags,
                   uint32_t next = 0) const {
    const Descriptor descriptor{address, length, flags, static_cast<uint16_t>(next)};
    std::memcpy(memory_.at(table + uint64_t{16} * index), &descriptor, sizeof descriptor);
  }

  // Makes the chain that begins at `head` available.
  void offer(uint32_t head) {
    word(kAvailableAt + 4 + uint64_t{2} * (available % size)) = static_cast<uint16_t>(head);
    set_available(static_cast<uint16_t>(available + 1));
  }
  void set_available(uint16_t index) {
    available = index;
    std::atomic_ref(word(kAvailableAt + 2)).store(index, std::memory_order_seq_cst);
  }

  struct Used {
    uint32_t head, written;
  };
  // Returns the next used entry, if there is one.
  [[nodiscard]] std::optional<Used> used() {
    if (std::atomic_ref(word(kUsedAt + 2)).load(std::memory_order_seq_cst) == seen) return {};
    Used entry{};
    std::memcpy(&entry, memory_.at(base + kUsedAt + 4 + uint64_t{8} * (seen % size)), sizeof entry);
    seen++;
    return entry;
  }
  [[nodiscard]] uint16_t used_index() const {
    return std::atomic_ref(word(kUsedAt + 2)).load(std::memory_order_seq_cst);
  }
  void set_used_index(uint16_t index) { word(kUsedAt + 2) = seen = index; }

  // Notifications. Flags apply without event indices, thresholds with them.
  [[nodiscard]] bool wants_kicks() const { return (word(kUsedAt) & 1) == 0; }
  void refuse_interrupts(bool yes) {
    std::atomic_ref(word(kAvailableAt)).store(yes ? 1 : 0, std::memory_order_seq_cst);
  }
  [[nodiscard]] uint16_t kick_threshold() const {
    return std::atomic_ref(word(kUsedAt + 4 + uint64_t{8} * size)).load(std::memory_order_seq_cst);
  }
  void set_interrupt_threshold(uint16_t threshold) {
    std::atomic_ref(word(kAvailableAt + 4 + uint64_t{2} * size)).store(threshold, std::memory_order_seq_cst);
  }
  // Returns whether a kick is due for the entries from `before` on.
  [[nodiscard]] bool kick_is_due(uint16_t before) const {
    return static_cast<uint16_t>(available - kick_threshold() - 1) <
           static_cast<uint16_t>(available - before);
  }

  [[nodiscard]] uint16_t& word(uint64_t at) const {
    return *reinterpret_cast<uint16_t*>(memory_.at(base + at));
  }

  uint32_t size;
  uint64_t base;
  uint16_t available = 0;  // the driver's index
  uint16_t seen = 0;       // how many used entries were read
  Fd kick{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  Fd call{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

 private:
  GuestMemory& memory_;
};

// The flags of a descriptor.
constexpr uint16_t kNext = kDescriptorNext;
constexpr uint16_t kWritable = kDescriptorWritable;
constexpr uint16_t kIndirectFlag = kDescriptorIndirect;

// Returns how often an eventfd was signalled since the last call.
inline uint64_t signals(const Fd& eventfd) {
  eventfd_t count = 0;
  return eventfd_read(eventfd.number(), &count) == 0 ? count : 0;
}

constexpr uint64_t kAllFeatures = kOfferedFeatures;
constexpr uint64_t kOldestFeatures = kVersion1;

// A front end, its guest and the back end under test.
class FrontEnd : public BackEnd::Owner {
 public:
  explicit FrontEnd(uint32_t ring_size = 256, BackEnd::Options options = {})
      : receive(memory, 0, ring_size), send(memory, 1, ring_size) {
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    socket = Fd(ends[0]);
    back_end = std::make_unique<BackEnd>(Fd(ends[1]), *this, options);
  }

  // Makes no back end: an endpoint has the other end of the socket and answers on its own thread.
  explicit FrontEnd(Fd end) : receive(memory, 0, 256), send(memory, 1, 256), socket(std::move(end)) {}

  // --- Messages

  void write(const void* bytes, size_t size, const std::vector<int>& files = {}) const {
    CHECK(send_with_files(socket.number(), bytes, size, files) == static_cast<ssize_t>(size));
  }

  static Octets message(uint32_t request, const Octets& payload, uint32_t flags = kVersion) {
    const uint32_t header[3] = {request, flags, static_cast<uint32_t>(payload.size())};
    Octets bytes(sizeof header + payload.size());
    std::memcpy(bytes.data(), header, sizeof header);
    std::ranges::copy(payload, bytes.begin() + sizeof header);
    return bytes;
  }

  template <typename T>
  static Octets payload(const T& value) {
    Octets bytes(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
  }

  // Sends a message and lets the back end answer. Returns whether the connection still exists.
  bool tell(Request request, const Octets& content = {}, std::vector<int> files = {},
            uint32_t flags = kVersion) const {
    const Octets bytes = message(static_cast<uint32_t>(request), content, flags);
    write(bytes.data(), bytes.size(), std::move(files));
    return back_end == nullptr || back_end->answer();
  }
  bool tell_number(Request request, uint64_t number, std::vector<int> files = {}) const {
    return tell(request, payload(number), std::move(files));
  }
  bool tell_ring(Request request, uint32_t ring, uint32_t number) const {
    return tell(request, payload(RingNumber{ring, number}));
  }
  bool tell_memory(const std::vector<MemoryRegion>& regions, std::vector<int> files,
                   uint32_t flags = kVersion) const {
    Octets content = payload(MemoryTableHeader{static_cast<uint32_t>(regions.size()), 0});
    for (const MemoryRegion& region : regions) {
      const Octets one = payload(region);
      content.insert(content.end(), one.begin(), one.end());
    }
    return tell(Request::set_memory_table, content, std::move(files), flags);
  }
  bool tell_memory(const std::vector<MemoryRegion>& regions) const {
    return tell_memory(regions, std::vector<int>(regions.size(), memory.file.number()));
  }

  struct Reply {
    uint32_t request, flags, size;
    uint64_t number;
  };
  static_assert(sizeof(Reply) == 24);
  // Returns the next reply, if there is one. Every reply is one number.
  [[nodiscard]] std::optional<uint64_t> reply(Request to) const {
    uint8_t bytes[20];
    const ssize_t size = recv(socket.number(), bytes, sizeof bytes, back_end ? MSG_DONTWAIT : 0);
    if (size < 0) return {};
    uint32_t header[3];
    std::memcpy(header, bytes, sizeof header);
    CHECK(size == 20 && header[0] == static_cast<uint32_t>(to) && header[1] == 5 && header[2] == 8);
    uint64_t number = 0;
    std::memcpy(&number, bytes + sizeof header, sizeof number);
    return number;
  }
  [[nodiscard]] std::optional<uint64_t> ask(Request request, const Octets& content = {}) const {
    CHECK(tell(request, content));
    return reply(request);
  }

  void set_up(DriverRing& ring, uint32_t index, uint32_t base = 0) const {
    CHECK(tell_ring(Request::set_ring_size, index, ring.size));
    CHECK(tell_ring(Request::set_ring_base, index, base));
    CHECK(tell(Request::set_ring_addresses, payload(ring.addresses(index))));
    CHECK(tell_number(Request::set_ring_kick, index, {ring.kick.number()}));
    CHECK(tell_number(Request::set_ring_call, index, {ring.call.number()}));
  }

  // Sends all messages that QEMU sends until the guest's driver is ready. QEMU sends the same messages when
  // it connects again: the rings then go on after the entries that the last back end used.
  void connect(uint64_t features = kAllFeatures) { connect(features, memory.whole()); }
  void connect(uint64_t features, const std::vector<MemoryRegion>& regions) {
    CHECK(ask(Request::get_features).has_value());
    CHECK(tell_number(Request::set_protocol_features, kReplyAckProtocol | kMultiqueueProtocol));
    CHECK(tell_ring(Request::set_ring_enabled, 0, 1));
    CHECK(tell_ring(Request::set_ring_enabled, 1, 1));
    CHECK(tell_number(Request::set_features, features));
    CHECK(tell_memory(regions));
    set_up(receive, 0, receive.used_index());
    set_up(send, 1, send.used_index());
    CHECK(ask(Request::get_features).has_value());  // so all messages before it were handled
    signals(receive.call);
    signals(send.call);
    if (back_end != nullptr) CHECK(back_end->active(0) && back_end->active(1));
  }

  // --- Frames

  // Returns the address of a buffer outside the rings. Buffers are 128 KiB apart.
  static uint64_t buffer(uint32_t index) { return kGuestBase + 2 * kMegabyte + uint64_t{index} * 0x20000; }

  static Octets with_header(const Octets& frame, const NetHeader& header = {}) {
    Octets bytes = payload(header);
    bytes.insert(bytes.end(), frame.begin(), frame.end());
    return bytes;
  }
  // Makes a frame with its header available, in one descriptor.
  void transmit(const Octets& frame, uint32_t index = 0, const NetHeader& header = {}) {
    const Octets bytes = with_header(frame, header);
    std::ranges::copy(bytes, memory.at(buffer(index)));
    send.describe(index, buffer(index), static_cast<uint32_t>(bytes.size()), 0);
    send.offer(index);
  }
  // Makes a receive buffer available.
  void post(uint32_t index, uint32_t size) {
    receive.describe(index, buffer(64 + index), size, kDescriptorWritable);
    receive.offer(index);
  }
  // Returns the first bytes of a receive buffer, with the header.
  [[nodiscard]] Octets contents(uint32_t index, uint32_t size) const {
    const uint8_t* at = memory.at(buffer(64 + index));
    return {at, at + size};
  }

  [[nodiscard]] Put put(const Octets& frame, const NetHeader& header = {}) const {
    const iovec part{const_cast<uint8_t*>(frame.data()), frame.size()};
    return back_end->put(header, {&part, 1});
  }
  // Takes the next frame of the guest, if there is one, and copies the lent pieces.
  [[nodiscard]] std::optional<Octets> take() {
    Octets room(70'000);
    taken = back_end->take(room, std::span(pieces).first(lent_most));
    if (!taken.frame) return {};
    size_t at = taken.lent > 0 ? kCopied : taken.size;
    for (const iovec& piece : std::span(pieces).first(taken.lent)) {
      CHECK(at + piece.iov_len <= room.size());
      std::memcpy(&room[at], piece.iov_base, piece.iov_len);
      at += piece.iov_len;
    }
    CHECK(at == taken.size || taken.size > room.size());
    room.resize(std::min<size_t>(room.size(), taken.size));
    return room;
  }
  // Publishes the used entries of both rings. Returns how many interrupts were sent.
  int publish() const {
    return int{back_end->publish(BackEnd::kReceiveRing)} + int{back_end->publish(BackEnd::kSendRing)};
  }
  [[nodiscard]] Violation violation() const { return back_end->violation(); }

  void kick_opened(uint32_t ring, int fd) override { events.push_back({'o', static_cast<int>(ring), fd}); }
  void kick_closes(int fd) override { events.push_back({'c', -1, fd}); }
  void features_accepted(uint64_t features) override { accepted = features; }

  struct Event {
    char what;
    int ring, fd;
  };
  std::vector<Event> events;
  uint64_t accepted = 0;
  GuestMemory memory;
  DriverRing receive, send;
  Fd socket;
  std::unique_ptr<BackEnd> back_end;
  Taken taken;
  std::array<iovec, 20> pieces{};  // the lent pieces of the taken frame
  size_t lent_most = 20;           // the most pieces of a frame that is lent
};

}  // namespace tsvde::test
