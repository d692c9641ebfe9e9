// A datagram socket that is not connected, so that its peer may come later or start again: datagrams are told
// apart by who sent them.
#pragma once

#include <sys/socket.h>

#include <vector>

#include "engine/endpoint.h"

namespace tsvde {

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  // The same socket's; ports, paths and hosts, and nothing else.
  [[nodiscard]] bool is(const sockaddr_storage& other, socklen_t other_size) const;
};

// One peer: what others send is dropped. For UDP and unix sockets.
class Peer final : public Endpoint {
 public:
  // `also`: other names that the same peer may have bound, a path in other letters.
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
  // Connected to a unix peer while its queue is full: only of a connected one does the kernel tell when there
  // is room again.
  Fd probe_;
  bool queue_full_ = false;  // and not our own buffer
  Time recheck_due_ = 0;
};

// A multicast group: whoever is in it sends and receives. What we send comes back from the kernel, and is
// told by the address of the socket that only we send from.
class Multicast final : public Endpoint {
 public:
  // `sender` is connected to the group.
  Multicast(Fd fd, Fd sender);

  Moved receive(std::span<Frame> frames, Time now) override;
  Moved send(std::span<Frame* const> frames, Time now) override;

 private:
  Fd fd_;
  Fd sender_;
  Address own_;
};

}  // namespace tsvde
