// The back end (the device's side) of vhost-user for one front end, such as QEMU. Answers the messages on a
// socket and moves frames between the guest's rings and the caller's memory. Used by one thread only. No call
// blocks.
//
// Front ends and guests are not trusted. After the first violation of the protocol, violation() returns the
// reason and the back end does nothing more; the caller must close the port and log the reason. Truncated
// memory is noticed only after an access (see sigbus_guard.h), so the caller must check violation() after
// each pass.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "engine/fd.h"
#include "vhost/features.h"
#include "vhost/memory_table.h"
#include "vhost/message_reader.h"
#include "vhost/put.h"
#include "vhost/queue.h"
#include "vhost/take.h"
#include "vhost/violation.h"

namespace tsvde::vhost {

class BackEnd {
 public:
  // Called by answer(). A guest kicks by writing to an eventfd, which need not be read if it is watched
  // edge-triggered.
  class Owner {
   public:
    Owner() = default;
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
    virtual ~Owner() = default;
    virtual void kick_opened(uint32_t ring, int fd) = 0;
    virtual void kick_closes(int fd) = 0;  // called before it is closed
    virtual void features_accepted(uint64_t features) = 0;
  };
  struct Options {
    bool sealed = false;  // refuse memory that can be truncated
  };
  // The names are from the guest's point of view.
  static constexpr uint32_t kReceiveRing = 0;
  static constexpr uint32_t kSendRing = 1;
  static constexpr uint32_t kRings = 2;

  // `socket` is a connected stream socket; it need not be non-blocking.
  BackEnd(Fd socket, Owner& owner, Options options);

  [[nodiscard]] int socket() const { return socket_.number(); }
  // Answers the messages that have arrived, a few in each call. Returns false if the connection has ended or
  // the protocol was violated; see violation(). The caller must check the rings afterwards, since the guest
  // may have kicked a ring before its setup was complete.
  [[nodiscard]] bool answer();
  [[nodiscard]] Violation violation();

  // Returns whether the ring is set up and enabled, so that frames can be moved.
  [[nodiscard]] bool active(uint32_t ring) const;
  [[nodiscard]] uint64_t features() const { return features_; }
  [[nodiscard]] const MemoryTable& memory() const { return memory_; }
  [[nodiscard]] const Queue& queue(uint32_t ring) const { return queues_[ring]; }

  // Takes the next frame from the guest; see vhost::take().
  [[nodiscard]] Taken take(std::span<uint8_t> room, std::span<iovec> pieces);
  // Puts a frame into the guest's buffers.
  [[nodiscard]] Put put(const NetHeader& header, std::span<const iovec> frame);
  // Publishes the ring's used entries. Returns whether an interrupt was sent to the guest.
  bool publish(uint32_t ring);
  // Asks the guest for a kick. Call it before waiting for one. Returns true if entries are available already,
  // in which case the caller must not wait.
  [[nodiscard]] bool arm(uint32_t ring);
  // Asks the guest for no more kicks. Call it after waking up.
  void disarm(uint32_t ring);

 private:
  struct Row;
  static const Row kRows[];

  [[nodiscard]] Violation handle();
  [[nodiscard]] Violation get_features();
  [[nodiscard]] Violation set_features();
  [[nodiscard]] Violation get_protocol_features();
  [[nodiscard]] Violation set_protocol_features();
  [[nodiscard]] Violation get_queue_number();
  [[nodiscard]] Violation ignore();
  [[nodiscard]] Violation set_memory_table();
  [[nodiscard]] Violation set_ring_size();
  [[nodiscard]] Violation set_ring_addresses();
  [[nodiscard]] Violation set_ring_base();
  [[nodiscard]] Violation get_ring_base();
  [[nodiscard]] Violation set_ring_kick();
  [[nodiscard]] Violation set_ring_call();
  [[nodiscard]] Violation set_ring_error();
  [[nodiscard]] Violation set_ring_enabled();
  [[nodiscard]] Violation take_eventfd(Fd& eventfd);
  void close_kick();

  [[nodiscard]] Violation reply(uint64_t payload);
  [[nodiscard]] Violation acknowledge(bool known);
  void refuse(Violation why);

  Fd socket_;
  Owner& owner_;
  uint64_t features_ = 0;
  uint64_t protocol_ = 0;
  Violation violation_ = Violation::none;
  MessageReader reader_;
  MemoryTable memory_;  // declared before queues_, whose rings point into it
  std::array<Queue, kRings> queues_;
  Queue* queue_ = nullptr;  // the ring that the current message names
};

}  // namespace tsvde::vhost
