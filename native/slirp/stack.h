// A network stack of libslirp between a socket for frames and the host's sockets, for a loop around poll(2).
// Loop thread only, since libslirp has process-wide state and no locks.
#pragma once

#include <poll.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "slirp/dns_relay.h"
#include "slirp/filter.h"
#include "slirp/guests.h"
#include "slirp/lease_server.h"
#include "slirp/library.h"
#include "slirp/reassembly.h"

namespace tsvde::slirp {

struct Drops {
  uint64_t too_short = 0, too_long = 0, not_for_us = 0;
  uint64_t fragments = 0;  // fragments of datagrams that could not be completed
  uint64_t not_taken = 0;  // frames that the switch did not read within a second
};

class Stack {
 public:
  // `frames` is a datagram socket with one frame per datagram. It must outlive the stack.
  Stack(const Library& library, const Config& config, int frames);
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack();

  // Returns "", or a sentence that says why the stack cannot be used.
  [[nodiscard]] const std::string& failure() const { return failure_; }

  // Adds the stack's descriptors, and lowers the timeout to its next timer. Call it before poll(2).
  void fill(std::vector<pollfd>& polled, int& timeout_ms);
  // Handles the events. Call it after poll(2), even if there were no events.
  void dispatch(std::vector<pollfd>& polled, bool poll_failed);
  // Receives a batch of frames from the switch, and sends all answers.
  void receive();

  // Adds a forward. Returns 0 or an errno. The host's address is IPv4, IPv6 or a unix path; the guest's is
  // IPv4 or IPv6. If the host's port is 0, it is set to the one that the kernel chose.
  [[nodiscard]] int add_host_forward(sockaddr_storage& host, const sockaddr_storage& guest, bool udp);
  // Returns whether add_host_forward() is running.
  [[nodiscard]] bool adding_forward() const { return adding_forward_; }
  [[nodiscard]] int remove_host_forward(const sockaddr_storage& host, bool udp);
  // Forwards guests' connections to this address and port to the unix socket at `path`, see interposed.h.
  [[nodiscard]] bool add_unix_forward(const char* path, in_addr guest, uint16_t port);

  // Ends a turn of the loop. Returns the lines that Control must write, the oldest first.
  [[nodiscard]] std::vector<std::string> take_lines();
  [[nodiscard]] LeaseServer& lease_server() { return lease_server_; }
  [[nodiscard]] const LeaseServer& lease_server() const { return lease_server_; }

  // Returns libslirp's own table of forwards and connections.
  [[nodiscard]] std::string connections() const;
  [[nodiscard]] const Drops& drops() const { return drops_; }

 private:
  static constexpr uint32_t kBatch = 64;
  struct Timer {
    int id;
    void* opaque;
    int64_t at_ms = -1;  // -1: never
  };

  static const SlirpCb& callbacks();
  [[nodiscard]] ssize_t send(const void* bytes, size_t size);
  void input(std::span<const uint8_t> frame);
  // Learns the sender of a frame and the address that it uses.
  void watch(std::span<const uint8_t> frame);
  void flush();
  void run_timers();

  const Library& library_;
  const Filter filter_;
  const int frames_;
  std::string failure_;
  Slirp* slirp_ = nullptr;
  std::vector<std::unique_ptr<Timer>> timers_;
  Guests guests_;
  int64_t guests_due_ms_ = 0;
  LeaseServer lease_server_;
  DnsRelay dns_relay_;
  std::vector<std::string> lines_;
  std::vector<pollfd>* polled_ = nullptr;  // valid only during fill() and dispatch()
  Reassembly reassembly_;
  Drops drops_;
  bool adding_forward_ = false;

  // Buffers for a batch in each direction. Frames to the switch are collected and sent by one call.
  const size_t slot_;
  std::unique_ptr<uint8_t[]> in_, out_;
  std::array<iovec, kBatch> in_parts_, out_parts_;
  std::array<mmsghdr, kBatch> in_headers_{}, out_headers_{};
  uint32_t collected_ = 0;
};

}  // namespace tsvde::slirp
