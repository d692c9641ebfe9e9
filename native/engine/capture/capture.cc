#include "engine/capture/capture.h"

#include <algorithm>
#include <ctime>
#include <new>
#include <utility>

namespace tsvde {

Time WallClock::read() {
  if (now_ == 0) {
    timespec read{};
    clock_gettime(CLOCK_REALTIME, &read);
    now_ = read.tv_sec * kSecond + read.tv_nsec;
  }
  return now_;
}

Capture::Capture(CaptureSettings settings, std::unique_ptr<Output> output)
    : settings_(std::move(settings)), output_(std::move(output)) {
  pcapng::Bytes header;
  pcapng::add_section_header(header, settings_.application);
  output_->ring.put(header.data(), header.size());
  output_->ring.publish();
}

void Capture::describe(uint32_t port, std::string name, std::string description) {
  Interface& interface = interface_of(port);
  interface.name = std::move(name);
  interface.description = std::move(description);
}

void Capture::add_interface(uint32_t port) {
  if (stats_.finishing || output_->ended()) return;
  if (!wants(port, true) && !wants(port, false)) return;
  Interface& interface = interface_of(port);
  if (interface.written) return;
  pcapng::Bytes block;
  write_interface(block, port, interface);
  if (block.size() > output_->ring.room()) {
    interface.written = false;
    written_.pop_back();
    return;
  }
  output_->ring.put(block.data(), block.size());
  unflushed_ = true;
  flush();
}

bool Capture::wants(uint32_t port, bool received) const {
  if (stats_.finishing || !(received ? settings_.received : settings_.transmitted)) return false;
  return settings_.ports.empty() || std::ranges::find(settings_.ports, port) != settings_.ports.end();
}

void Capture::take(uint32_t port, const Frame& frame, bool received, WallClock& clock,
                   std::string_view comment) {
  if (output_->ended() || (settings_.filter && !settings_.filter->accepts(frame))) return;
  try {
    add(port, frame, received, clock, comment);
  } catch (const std::bad_alloc&) {
    stats_.lost++;
  }
}

// Allocates only for a port's first frame, before it puts anything into the ring.
void Capture::add(uint32_t port, const Frame& frame, bool received, WallClock& clock,
                  std::string_view comment) {
  Interface& interface = interface_of(port);
  pcapng::Bytes description;  // empty, without an allocation, once the interface is written
  if (!interface.written) write_interface(description, port, interface);
  const uint32_t size = frame.size();
  const pcapng::Packet packet{.interface = interface.number,
                              .time = clock.read(),
                              .captured = std::min(size, settings_.snap_length),
                              .size = size,
                              .received = received,
                              .comment = comment};
  ByteRing& ring = output_->ring;
  if (ring.room() < description.size() + packet.block_size()) {
    if (!description.empty()) {
      interface.written = false;
      written_.pop_back();
    }
    interface.lost++;
    stats_.lost++;
    return;
  }
  ring.put(description.data(), description.size());
  const auto head = packet.head();
  ring.put(head.data(), pcapng::Packet::kHead);
  copy(frame, packet.captured);
  constexpr std::array<uint8_t, 4> kZeroes{};
  ring.put(kZeroes.data(), packet.padding());
  if (!comment.empty()) put_comment(packet);
  const auto tail = packet.tail();
  ring.put(tail.data(), pcapng::Packet::kTail);
  unflushed_ = true;
  interface.frames++;
  stats_.frames++;
  stats_.bytes += packet.captured;
  if (stats_.frames == settings_.count) finish();
}

void Capture::flush() {
  if (!std::exchange(unflushed_, false)) return;
  output_->ring.publish();
  output_->flush();
}

void Capture::put_comment(const pcapng::Packet& packet) {
  constexpr std::array<uint8_t, 4> kZeroes{};
  const uint32_t head = packet.comment_head();
  output_->ring.put(&head, sizeof head);
  output_->ring.put(packet.comment.data(), packet.comment.size());
  output_->ring.put(kZeroes.data(), -packet.comment.size() & 3);
}

void Capture::copy(const Frame& frame, uint32_t most) {
  for (const iovec& part : frame.all_parts()) {
    const auto size = static_cast<uint32_t>(std::min<size_t>(part.iov_len, most));
    output_->ring.put(part.iov_base, size);
    most -= size;
  }
}

void Capture::finish() {
  if (stats_.finishing) return;
  stats_.finishing = true;
  flush();
  pcapng::Bytes last;
  try {
    last = statistics();
  } catch (const std::bad_alloc&) {
    // The file is valid without them.
  }
  output_->finish(std::move(last));
}

pcapng::Bytes Capture::statistics() {
  pcapng::Bytes last;
  for (uint32_t port = 0; port < interfaces_.size(); port++) {
    Interface* interface = interfaces_[port].get();
    if (interface != nullptr && !interface->written && interface->lost > 0)
      write_interface(last, port, *interface);
  }
  WallClock clock;
  for (const uint32_t port : written_) {
    const Interface& interface = *interfaces_[port];
    pcapng::add_statistics(last, interface.number, clock.read(), interface.frames + interface.lost,
                           interface.lost);
  }
  return last;
}

CaptureStats Capture::stats() const {
  CaptureStats stats = stats_;
  stats.ended = output_->ended();
  stats.error = output_->error();
  return stats;
}

Capture::Interface& Capture::interface_of(uint32_t port) {
  if (interfaces_.size() <= port) interfaces_.resize(port + 1);
  auto& interface = interfaces_[port];
  if (!interface) {
    interface = std::make_unique<Interface>();
    interface->name = "port " + std::to_string(port);
  }
  return *interface;
}

void Capture::write_interface(pcapng::Bytes& out, uint32_t port, Interface& interface) {
  pcapng::add_interface(out, settings_.snap_length, interface.name, interface.description);
  interface.number = static_cast<uint32_t>(written_.size());
  written_.push_back(port);
  interface.written = true;
}

}  // namespace tsvde
