// One network stack of libslirp between a socket of frames and the host's own sockets, for a loop around
// poll(2). Everything happens on the loop's thread: libslirp has process-wide state and no locks.
#pragma once

#include <poll.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "slirp/filter.h"
#include "slirp/library.h"
#include "slirp/reassembly.h"

namespace tsvde::slirp {

struct Drops {
  uint64_t too_short = 0, too_long = 0, not_for_us = 0;
  uint64_t fragments = 0;  // of datagrams that will not be whole
  uint64_t not_taken = 0;  // the switch did not read for a whole second
};

class Stack {
 public:
  // `frames` is a datagram socket, one datagram a frame; it must outlive the stack.
  Stack(const Library& library, const Config& config, int frames);
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack();

  // "" or a sentence: then it cannot be used.
  [[nodiscard]] const std::string& failure() const { return failure_; }

  // Before poll(2): adds what is to be waited for, and lowers the timeout to what the stack's clocks allow.
  void fill(std::vector<pollfd>& polled, int& timeout_ms);
  // After it, also when nothing happened.
  void dispatch(std::vector<pollfd>& polled, bool poll_failed);
  // A batch of the switch's frames, and all answers to it.
  void receive();

  // 0 or an errno. The host's address may be an IPv4 or IPv6 one or a unix path, the guest's the former two.
  [[nodiscard]] int add_host_forward(const sockaddr_storage& host, const sockaddr_storage& guest, bool udp);
  [[nodiscard]] int remove_host_forward(const sockaddr_storage& host, bool udp);
  // A place of the guests' network where connections to a unix socket's path begin.
  [[nodiscard]] bool add_unix_forward(const char* path, in_addr guest, uint16_t port);
  // Likewise, where a program is started for each.
  [[nodiscard]] bool add_command_forward(const char* command, in_addr guest, uint16_t port);

  // libslirp's own table of forwards and connections.
  [[nodiscard]] std::string connections() const;
  [[nodiscard]] const Drops& drops() const { return drops_; }

 private:
  static constexpr uint32_t kBatch = 64;
  struct Timer {
    int id;
    void* opaque;
    int64_t at_ms = -1;  // never
  };

  static const SlirpCb& callbacks();
  [[nodiscard]] ssize_t send(const void* bytes, size_t size);
  void input(std::span<const uint8_t> frame);
  void flush();
  void run_timers();

  const Library& library_;
  const Filter filter_;
  const int frames_;
  std::string failure_;
  Slirp* slirp_ = nullptr;
  std::vector<std::unique_ptr<Timer>> timers_;
  std::vector<pollfd>* polled_ = nullptr;  // during fill() and dispatch()
  Reassembly reassembly_;
  Drops drops_;

  // Room for a batch in, and another out: frames to the switch are gathered and sent by one call.
  const size_t slot_;
  std::unique_ptr<uint8_t[]> in_, out_;
  std::array<iovec, kBatch> in_parts_, out_parts_;
  std::array<mmsghdr, kBatch> in_headers_{}, out_headers_{};
  uint32_t waiting_ = 0;
};

}  // namespace tsvde::slirp
