// A guest that is connected by vhost-user, with virtio rings in shared memory. Short frames are copied from
// the sending guest's ring to the slab, and from the slab to the receiving guest's ring. Long frames are
// borrowed (see frame.h): only their headers are copied to the slab. No copy takes a system call. The loop's
// thread also answers the front end's messages.
#pragma once

#include <optional>

#include "engine/endpoint.h"
#include "vhost/back_end.h"

namespace tsvde {

class VhostUser final : public Endpoint, private vhost::BackEnd::Owner {
 public:
  struct Options {
    bool offload = true;  // frames to the guest may have offload work left undone, if the guest accepts it
    vhost::BackEnd::Options back_end{};
  };
  // `socket` is connected to the front end, whose first message has not been read yet. Throws
  // std::system_error if there are no more descriptors.
  VhostUser(Fd socket, Options options);

  // Fails with EPROTO if the front end has violated the protocol.
  Moved receive(std::span<Frame> frames, Time now) override;
  // Fails with EIO while the guest has no driver that receives.
  Moved send(std::span<Frame* const> frames, Time now) override;
  [[nodiscard]] int woken(int fd, uint32_t events, Time now) override;
  [[nodiscard]] bool ends_with(int error) const override { return error == EPROTO; }
  void take_back() override;
  [[nodiscard]] bool buffered() const override { return buffered_; }
  [[nodiscard]] EndReason end_reason() override;
  [[nodiscard]] std::optional<GuestState> guest() const override;

 private:
  void kick_opened(uint32_t ring, int fd) override;
  void kick_closes(int fd) override { unwatch(fd); }
  void features_accepted(uint64_t features) override;

  void kicked(int fd);
  void lend(Frame& frame, std::span<iovec> parts, uint32_t count);
  [[nodiscard]] int send_one(const Frame& frame);
  // Called for a frame that needs more buffers than are available. Returns whether to drop it: true if the
  // guest has posted no buffer for a second. That second starts anew if the guest has posted buffers since
  // the last call.
  [[nodiscard]] bool out_of_patience();

  bool offload_;
  uint32_t taken_ = 0;                // frames of this turn
  bool buffered_ = false;             // the turn goes on
  bool noticed_ = false;              // private memory was reported
  uint32_t empty_kicks_ = 0;          // notifications on rings that are still empty
  Fd patience_;                       // a timer; when it expires, out_of_patience_ is set
  std::optional<uint16_t> short_at_;  // the driver's index when a frame last needed more buffers
  bool out_of_patience_ = false;      // the driver's index has been short_at_ for a second
  vhost::BackEnd back_end_;
};

}  // namespace tsvde
