#include "engine/endpoints/vhost_user.h"

#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "engine/offload/virtio_header.h"

namespace tsvde {
namespace {

using vhost::BackEnd;
using vhost::NetHeader;

// The frames that a guest may send in one turn, before other endpoints get theirs.
constexpr uint32_t kTurn = 64;

// The most parts of a borrowed frame: the copied bytes, and the 18 pieces in which Linux sends a datagram of
// 64 KB.
constexpr uint32_t kParts = 1 + 18;
static_assert(vhost::kCopied >= kHeadersMax);

constexpr bool has_all(uint64_t features, uint64_t wanted) {
  return (features & wanted) == wanted;
}

// A TAP's header has ten bytes. They are the first ten bytes of a guest's header.
VirtioHeader to_engine(const NetHeader& header) {
  VirtioHeader result{};
  std::memcpy(&result, &header, sizeof result);
  return result;
}

// The last four bytes are written by one store, since put() reads them by one load. If a load needs the bytes
// of two stores, it waits until all earlier stores are done, and those to the guest's memory take long.
NetHeader to_guest(const VirtioHeader& header) {
  NetHeader result;
  constexpr size_t kRest = 8;
  std::memcpy(static_cast<void*>(&result), &header, kRest);
  const uint32_t rest = header.csum_offset | uint32_t{1} << 16;  // little-endian: one buffer
  std::memcpy(reinterpret_cast<uint8_t*>(&result) + kRest, &rest, sizeof rest);
  return result;
}

}  // namespace

VhostUser::VhostUser(Fd socket, Options options)
    : offload_(options.offload),
      patience_(opened(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")),
      back_end_(std::move(socket), *this, options.back_end) {
  offloads_ = kGathers;
  watch({.fd = back_end_.socket(), .other = EPOLLIN});
  watch({.fd = patience_.number(), .room = EPOLLIN});
}

Moved VhostUser::receive(std::span<Frame> frames, Time) {
  static thread_local std::array<std::array<iovec, kParts>, kBatch> lists;
  back_end_.disarm(BackEnd::kSendRing);
  uint32_t count = 0;
  uint32_t dropped = 0;
  uint32_t on_wire = 0;
  bool empty = false;
  for (size_t read = 0; read < frames.size() && on_wire < kBatch; read++) {
    Frame& frame = frames[count];
    const iovec room = frame.parts[0];
    const vhost::Taken taken =
        back_end_.take({frame.data(), room.iov_len}, std::span(lists[count]).subspan(1));
    if (!taken.frame) {
      empty = true;
      break;
    }
    frame.parts[0].iov_len = taken.lent > 0 ? vhost::kCopied : taken.size;
    if (taken.lent > 0) lend(frame, lists[count], 1 + taken.lent);
    // The header of a frame that is longer than `room` is not read: the switch drops such a frame.
    if (taken.size <= room.iov_len && !read_virtio_header(to_engine(taken.header), frame)) {
      frame = {};
      frame.parts[0] = room;
      counter(receive_drop_bad_offload)++;
      dropped++;
      continue;
    }
    count++;
    on_wire += frame.frames();
    if (on_wire + frame.frames() > kBatch) break;
  }
  // If frames are borrowed, take_back() publishes the entries of the whole batch.
  if (!lends_) counter(transmit_interrupts) += back_end_.publish(BackEnd::kSendRing);
  // After frames came, look once more before asking for a kick: the guest may add frames while these are
  // sent.
  const bool more = !empty || count + dropped > 0 || back_end_.arm(BackEnd::kSendRing);
  taken_ += count + dropped;
  buffered_ = more && taken_ < kTurn;
  if (!buffered_) taken_ = 0;
  if (more && !buffered_) on_ready();
  const bool violated = back_end_.violation() != vhost::Violation::none;
  return {count, violated ? EPROTO : 0, dropped};
}

void VhostUser::lend(Frame& frame, std::span<iovec> parts, uint32_t count) {
  parts[0] = frame.parts[0];
  frame.list = parts.data();
  frame.part_count = count;
  frame.borrowed = true;
  lends_ = true;
  // The switch drops such a frame, and shows it to captures of dropped frames.
  if (frame.size() > kFrameMax) frame.gather();
}

void VhostUser::take_back() {
  lends_ = false;
  counter(transmit_interrupts) += back_end_.publish(BackEnd::kSendRing);
  // The memory may have vanished while another endpoint read it.
  if (back_end_.violation() != vhost::Violation::none) shutdown(back_end_.socket(), SHUT_RDWR);
}

Moved VhostUser::send(std::span<Frame* const> frames, Time) {
  back_end_.disarm(BackEnd::kReceiveRing);
  uint32_t sent = 0;
  int error = 0;
  while (sent < frames.size() && error == 0) {
    error = send_one(*frames[sent]);
    if (error == 0) sent++;
  }
  counter(transmit_interrupts) += back_end_.publish(BackEnd::kReceiveRing);
  // The loop then notices the end of the socket, and woken() returns EPROTO.
  if (back_end_.violation() != vhost::Violation::none) shutdown(back_end_.socket(), SHUT_RDWR);
  return {sent, error};
}

int VhostUser::send_one(const Frame& frame) {
  if (!back_end_.active(BackEnd::kReceiveRing)) return EIO;
  const NetHeader header = to_guest(virtio_header(frame.offload));
  for (;;) {
    switch (back_end_.put(header, frame.all_parts())) {
      case vhost::Put::done:
        return 0;
      case vhost::Put::too_long:
        return EMSGSIZE;
      case vhost::Put::violated:
        return EPIPE;
      case vhost::Put::no_room:
        break;
    }
    const vhost::Ring& ring = back_end_.queue(BackEnd::kReceiveRing).ring;
    const uint32_t before = ring.available();
    (void)back_end_.arm(BackEnd::kReceiveRing);
    if (ring.available() != before) continue;
    return before > 0 && out_of_patience() ? EMSGSIZE : EAGAIN;
  }
}

// Limits how long a frame that needs more buffers blocks its queue. Without the limit, it would block the
// queue for ever if the guest posts no more buffers until a frame arrives.
bool VhostUser::out_of_patience() {
  const vhost::Ring& ring = back_end_.queue(BackEnd::kReceiveRing).ring;
  const auto index = static_cast<uint16_t>(ring.next() + ring.available());
  if (short_at_ == index) return out_of_patience_;
  short_at_ = index;
  out_of_patience_ = false;
  constexpr itimerspec kPatience{.it_interval = {}, .it_value = {.tv_sec = 1, .tv_nsec = 0}};
  timerfd_settime(patience_.number(), 0, &kPatience, nullptr);
  return false;
}

int VhostUser::woken(int fd, uint32_t, Time) {
  if (fd == patience_.number()) {
    uint64_t times = 0;
    // The read fails if the timer was started again after this event.
    if (read(fd, &times, sizeof times) == sizeof times) out_of_patience_ = true;
    return 0;
  }
  if (fd != back_end_.socket()) {
    kicked(fd);
    return 0;
  }
  const bool goes_on = back_end_.answer();
  if (back_end_.violation() != vhost::Violation::none) return EPROTO;
  if (!goes_on) return EPIPE;
  on_ready();  // a ring may have become complete
  return 0;
}

// Notices that a guest runs without share=on: QEMU then passes its memory too, but nothing that the guest
// writes is visible here, so that the rings stay empty although the guest notifies the switch. A single
// notification on empty rings proves nothing, since QEMU sends one when it connects a ring.
void VhostUser::kicked(int fd) {
  counter(receive_kicks)++;
  if (noticed_) return;
  const bool sends = fd == back_end_.queue(BackEnd::kSendRing).kick();
  const vhost::Queue& queue = back_end_.queue(sends ? BackEnd::kSendRing : BackEnd::kReceiveRing);
  if (!queue.live() || !queue.ring.untouched() || ++empty_kicks_ < 2) return;
  noticed_ = true;
  on_notice(
      "the guest has sent a notification, but its rings are empty: the shared memory may be a private copy; "
      "give QEMU's memory backend share=on");
}

Endpoint::EndReason VhostUser::end_reason() {
  const vhost::Violation why = back_end_.violation();
  if (why == vhost::Violation::none) return {};
  return {.name = name_of(why), .text = text_of(why)};
}

std::optional<Endpoint::GuestState> VhostUser::guest() const {
  return GuestState{.features = back_end_.features(), .memory_bytes = back_end_.memory().size()};
}

void VhostUser::kick_opened(uint32_t ring, int fd) {
  constexpr uint32_t kKicked = EPOLLIN | EPOLLET;
  if (ring == BackEnd::kSendRing) {
    watch({.fd = fd, .frames = kKicked});
  } else {
    short_at_.reset();  // the ring may have been started again, for another driver
    watch({.fd = fd, .room = kKicked});
  }
}

// Without `offload`, the guest is offered the same features, since a mask that has become smaller would keep
// a guest from reconnecting.
void VhostUser::features_accepted(uint64_t features) {
  offloads_ = kGathers;
  if (!offload_ || !has_all(features, vhost::kGuestChecksum)) return;
  offloads_ |= kCompletesChecksums;
  if (has_all(features, vhost::kGuestTso4 | vhost::kGuestTso6 | vhost::kGuestEcn)) offloads_ |= kSegmentsTcp;
  if (has_all(features, vhost::kGuestUso4 | vhost::kGuestUso6)) offloads_ |= kSegmentsUdp;
}

}  // namespace tsvde
