// Reads a pcapng file of one section in the byte order of this host. Shares no code with the engine's writer.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "test/check.h"
#include "test/frames.h"

namespace tsvde::test {

struct PcapngFile {
  struct Interface {
    uint32_t link_type, snap_length;
    std::string name, description;
    bool nanoseconds;
  };
  struct Packet {
    uint32_t interface;
    uint64_t time;
    Bytes bytes;
    uint32_t size;
    uint32_t flags;
  };
  struct Statistics {
    uint32_t interface;
    uint64_t received, dropped;
  };
  std::string application;
  std::vector<Interface> interfaces;
  std::vector<Packet> packets;
  std::vector<Statistics> statistics;

  explicit PcapngFile(const Bytes& file) {
    size_t at = 0;
    while (at + 12 <= file.size()) {
      const uint32_t type = word(file, at);
      const uint32_t size = word(file, at + 4);
      const bool framed = size % 4 == 0 && size >= 12 && at + size <= file.size();
      CHECK(framed);
      if (!framed) return;
      CHECK(word(file, at + size - 4) == size);
      read_block(type, Bytes(file.begin() + at + 8, file.begin() + at + size - 4));
      at += size;
    }
    CHECK(at == file.size());
  }

  // Returns the frames of an interface in one direction. `flags` is 1 for inbound, 2 for outbound.
  [[nodiscard]] std::vector<Bytes> frames(const std::string& name, uint32_t flags) const {
    std::vector<Bytes> found;
    for (const Packet& packet : packets) {
      if (interfaces[packet.interface].name == name && packet.flags == flags) found.push_back(packet.bytes);
    }
    return found;
  }

 private:
  static uint32_t word(const Bytes& bytes, size_t at) {
    uint32_t value = 0;
    std::memcpy(&value, &bytes[at], sizeof value);
    return value;
  }
  static uint64_t number(const Bytes& bytes) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
    return value;
  }

  struct Option {
    uint32_t code;
    Bytes value;
  };
  static std::vector<Option> options(const Bytes& body, size_t at) {
    std::vector<Option> found;
    while (at + 4 <= body.size()) {
      const uint32_t code = word(body, at) & 0xffff;
      const uint32_t size = word(body, at) >> 16;
      if (code == 0) break;
      found.push_back({code, Bytes(body.begin() + at + 4, body.begin() + at + 4 + size)});
      at += 4 + (size + 3) / 4 * 4;
    }
    CHECK(at + 4 == body.size());
    return found;
  }

  void read_block(uint32_t type, const Bytes& body) {
    switch (type) {
      case 0x0a0d0d0a:
        CHECK(word(body, 0) == 0x1a2b3c4d && word(body, 4) == 1);
        for (const auto& [code, value] : options(body, 16)) {
          if (code == 4) application.assign(value.begin(), value.end());
        }
        break;
      case 1: {
        Interface& found =
            interfaces.emplace_back(Interface{word(body, 0) & 0xffff, word(body, 4), "", "", false});
        for (const auto& [code, value] : options(body, 8)) {
          if (code == 2) found.name.assign(value.begin(), value.end());
          if (code == 3) found.description.assign(value.begin(), value.end());
          if (code == 9) found.nanoseconds = value == Bytes{9};
        }
        break;
      }
      case 5: {
        Statistics& found = statistics.emplace_back(Statistics{word(body, 0), 0, 0});
        for (const auto& [code, value] : options(body, 12)) {
          if (code == 4) found.received = number(value);
          if (code == 5) found.dropped = number(value);
        }
        CHECK(found.interface < interfaces.size());
        break;
      }
      case 6: {
        const uint32_t size = word(body, 12);
        Packet& found = packets.emplace_back(
            Packet{word(body, 0), uint64_t{word(body, 4)} << 32 | word(body, 8),
                   Bytes(body.begin() + 20, body.begin() + 20 + size), word(body, 16), 0});
        for (const auto& [code, value] : options(body, 20 + (size + 3) / 4 * 4)) {
          if (code == 2) found.flags = static_cast<uint32_t>(number(value));
        }
        CHECK(found.interface < interfaces.size());
        break;
      }
      default:
        CHECK(!"a block of a known type");
    }
  }
};

}  // namespace tsvde::test
