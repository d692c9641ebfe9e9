// IPv4 datagrams made whole (RFC 791, 3.2) before libslirp sees them: a fragment that comes without those
// before it ends libslirp 4.7 as Debian builds it, and with it any program around. Fragments must come in
// their order, which one switch keeps; others are dropped.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace tsvde::slirp {

class Reassembly {
 public:
  // The frame itself where it is no fragment; the whole where it is the last one of a datagram; else nothing,
  // and `dropped` is counted up where it never will be. The result is valid until the next call.
  [[nodiscard]] std::span<const uint8_t> add(std::span<const uint8_t> frame, uint64_t& dropped);

 private:
  static constexpr size_t kHeader = 14;
  static constexpr size_t kDatagramMax = 65535;
  using Key = std::array<uint8_t, 11>;  // addresses, identification, protocol

  struct Datagram {
    Key key{};
    size_t size = 0;  // so far, with Ethernet's header; 0: none
    size_t header = 0;
    uint64_t begun = 0;
    std::unique_ptr<uint8_t[]> bytes = std::make_unique_for_overwrite<uint8_t[]>(kHeader + kDatagramMax);
  };

  [[nodiscard]] Datagram* find(const Key& key);
  [[nodiscard]] Datagram& oldest();

  std::array<Datagram, 8> datagrams_;
  uint64_t begun_ = 0;
};

}  // namespace tsvde::slirp
