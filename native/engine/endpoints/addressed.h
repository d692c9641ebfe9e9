// Datagram sockets that are not connected to their peer, so that the peer can start later or restart.
// Datagrams are accepted or dropped according to their sender's address.
#pragma once

#include <sys/socket.h>

#include <vector>

#include "engine/endpoint.h"

namespace tsvde {

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  // Returns whether both addresses name the same socket. Only hosts, ports and paths are compared.
  [[nodiscard]] bool is(const sockaddr_storage& other, socklen_t other_size) const;
};

// A socket for one peer; datagrams from other senders are dropped. For UDP and unix sockets.
class Peer final : public Endpoint {
 public:
  // `also` contains other names to which the peer may be bound, such as another spelling of its path. Throws
  // std::system_error if there are no more descriptors.
  Peer(Fd fd, const Address& peer, std::vector<Address> also = {});

  Moved receive(std::span<Frame> frames, Time now) override;
  Moved send(std::span<Frame* const> frames, Time now) override;
  void recheck(Time now) override;

 private:
  [[nodiscard]] int find_what_is_full();
  void wait_for(bool queue_full);

  Fd fd_;
  Address peer_;
  std::vector<Address> also_;
  // A socket that is connected to a unix peer while the peer's queue is full, since the kernel reports room
  // only to connected sockets.
  Fd probe_;
  bool queue_full_ = false;  // the peer's queue is full, not our own send buffer
  Time recheck_due_ = 0;
};

// A multicast group, whose members all send and receive. The kernel also delivers our own datagrams to us;
// they are recognised by the address of the socket that we send from.
class Multicast final : public Endpoint {
 public:
  // `sender` is a socket that is connected to the group.
  Multicast(Fd fd, Fd sender);

  Moved receive(std::span<Frame> frames, Time now) override;
  Moved send(std::span<Frame* const> frames, Time now) override;

 private:
  Fd fd_;
  Fd sender_;
  Address own_;
};

}  // namespace tsvde
