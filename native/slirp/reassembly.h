// Reassembles IP datagrams (RFC 791, 3.2; RFC 8200, 4.5) before libslirp sees them. libslirp 4.7, as Debian
// builds it, ends its process if a fragment arrives before the fragments that precede it, and does not
// support IPv6 fragments at all. Fragments may arrive in any order. A datagram whose fragments overlap or
// disagree about its end is refused as a whole; an exact duplicate of a fragment is ignored. At most
// kDatagrams datagrams are incomplete at a time, none for longer than kTimeoutMs. If one more begins, the
// oldest incomplete datagram of the guest that has the most incomplete datagrams is discarded.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "slirp/packet.h"

namespace tsvde::slirp {

class Reassembly {
 public:
  static constexpr size_t kDatagrams = 32;
  static constexpr int64_t kTimeoutMs = 30'000;  // as in Linux; RFC 791 recommends 15 seconds or more

  // Takes a frame. If the frame is not a fragment, returns it unchanged. If the frame is the fragment that
  // completes a datagram, returns the whole datagram. Otherwise returns an empty span, and adds to `dropped`
  // the number of fragments lost. The result is valid until the next call.
  [[nodiscard]] std::span<const uint8_t> add(std::span<const uint8_t> frame, int64_t now_ms,
                                             uint64_t& dropped);
  // Drops the datagrams that have waited too long.
  void expire(int64_t now_ms, uint64_t& dropped);

 private:
  static constexpr size_t kDataMax = 65535;
  static constexpr size_t kHeadersMax = 256;  // bytes of all headers, Ethernet included
  // Identifies a datagram: addresses, identification and EtherType; for IPv4 also the protocol.
  using Key = std::array<uint8_t, 16 + 16 + 4 + 2 + 1>;

  struct Fragment {
    Key key{};
    std::span<const uint8_t> headers;  // Ethernet and IP headers, without IPv6's fragment header
    size_t next_header_at = 0;         // for IPv6: where in `headers` the type of the data belongs
    uint8_t next_header = 0;           // for IPv6: the type of the data
    size_t offset = 0;
    bool more = false;
    std::span<const uint8_t> data;
  };
  struct Incomplete {
    bool used = false;
    bool refused = false;  // fragments overlap or disagree about the end, so later fragments are dropped
    Key key{};
    Mac source{};
    int64_t started_ms = 0;
    uint64_t fragments = 0;
    size_t headers = 0;                  // the size of the headers; 0 until the fragment at offset 0 arrives
    size_t received = 0;                 // bytes of data received
    size_t end = 0;                      // the end of the data received so far
    size_t total = 0;                    // the size of the data; 0 until a fragment without `more` arrives
    std::array<uint64_t, 128> blocks{};  // one bit for each block of eight bytes that has arrived
    std::unique_ptr<uint8_t[]> bytes;    // headers, which end at kHeadersMax, then data
  };

  enum class Kind : uint8_t { whole, fragment, malformed };
  [[nodiscard]] static Kind read(std::span<const uint8_t> frame, Fragment& fragment);
  [[nodiscard]] static Kind read_ipv4(std::span<const uint8_t> frame, Fragment& fragment);
  [[nodiscard]] static Kind read_ipv6(std::span<const uint8_t> frame, Fragment& fragment);
  [[nodiscard]] Incomplete& find_or_begin(const Fragment& fragment, int64_t now_ms, uint64_t& dropped);
  [[nodiscard]] Incomplete& room(uint64_t& dropped);
  [[nodiscard]] static std::span<const uint8_t> finish(Incomplete& datagram);
  static void begin(Incomplete& datagram, const Fragment& fragment, int64_t now_ms);
  static void store(Incomplete& datagram, const Fragment& fragment);

  std::array<Incomplete, kDatagrams> datagrams_;
  Incomplete atomic_;  // an IPv6 datagram that is a single fragment (RFC 6946)
};

}  // namespace tsvde::slirp
