// Reassembles IPv4 datagrams (RFC 791, 3.2) before libslirp sees them: a fragment without the ones before it
// makes libslirp 4.7, as Debian builds it, end its process. Fragments must arrive in order, which one switch
// preserves; others are dropped.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace tsvde::slirp {

class Reassembly {
 public:
  // Returns a frame that is not a fragment as it is, and the whole datagram for its last fragment; otherwise
  // nothing, and adds to `dropped` what will never be complete. The result is valid until the next call.
  [[nodiscard]] std::span<const uint8_t> add(std::span<const uint8_t> frame, uint64_t& dropped);

 private:
  static constexpr size_t kHeader = 14;
  static constexpr size_t kDatagramMax = 65535;
  using Key = std::array<uint8_t, 11>;  // addresses, identification, protocol

  struct Datagram {
    Key key{};
    size_t size = 0;  // so far, with the Ethernet header; 0 for a free entry
    size_t header = 0;
    uint64_t started = 0;
    std::unique_ptr<uint8_t[]> bytes = std::make_unique_for_overwrite<uint8_t[]>(kHeader + kDatagramMax);
  };

  [[nodiscard]] Datagram* find(const Key& key);
  [[nodiscard]] Datagram& oldest();

  std::array<Datagram, 8> datagrams_;
  uint64_t started_ = 0;
};

}  // namespace tsvde::slirp
