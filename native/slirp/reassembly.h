// Reassembles IP datagrams (RFC 791, 3.2; RFC 8200, 4.5) before libslirp sees them: a fragment without the
// ones before it makes libslirp 4.7, as Debian builds it, end its process, and it knows no fragments of IPv6
// at all. Fragments may arrive in any order. A datagram whose fragments overlap is refused as a whole; an
// exact duplicate is ignored. At most kDatagrams are incomplete at a time, none of them for longer than
// kTimeoutMs: if one more begins, the guest that has most of them loses its oldest.
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
  static constexpr int64_t kTimeoutMs = 30'000;  // Linux's; RFC 791 allows 15 seconds and more

  // Returns a frame that is not a fragment as it is, and the whole datagram for the fragment that completes
  // it; otherwise nothing, and adds to `dropped` the fragments that are lost. The result is valid until the
  // next call.
  [[nodiscard]] std::span<const uint8_t> add(std::span<const uint8_t> frame, int64_t now_ms,
                                             uint64_t& dropped);
  // Gives up the datagrams that have waited too long.
  void expire(int64_t now_ms, uint64_t& dropped);

 private:
  static constexpr size_t kDataMax = 65535;
  static constexpr size_t kHeadersMax = 256;  // what precedes a datagram's data, with the Ethernet header
  // Addresses, identification, EtherType; for IPv4 the protocol.
  using Key = std::array<uint8_t, 16 + 16 + 4 + 2 + 1>;

  struct Fragment {
    Key key{};
    std::span<const uint8_t> headers;  // Ethernet and IP, without IPv6's fragment header
    size_t next_header_at = 0;         // IPv6: where the type of the data belongs in them
    uint8_t next_header = 0;           // IPv6: the type of the data
    size_t offset = 0;
    bool more = false;
    std::span<const uint8_t> data;
  };
  struct Incomplete {
    bool used = false;
    bool refused = false;  // overlapping: what still arrives of it is dropped
    Key key{};
    Mac source{};
    int64_t started_ms = 0;
    uint64_t fragments = 0;
    size_t headers = 0;                  // their size; 0 until the first fragment is here
    size_t received = 0;                 // bytes of data
    size_t end = 0;                      // of the data that is furthest behind
    size_t total = 0;                    // 0 until the last fragment is here
    std::array<uint64_t, 128> blocks{};  // the blocks of eight bytes that are here, a bit each
    std::unique_ptr<uint8_t[]> bytes;    // headers, which end at kHeadersMax, and data
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
  Incomplete atomic_;  // a datagram of IPv6 that is its own only fragment (RFC 6946)
};

}  // namespace tsvde::slirp
