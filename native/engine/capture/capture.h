// A capture: writes copies of the frames that selected ports receive and transmit to an output, in the pcapng
// format. Loop thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/capture/bpf.h"
#include "engine/capture/output.h"
#include "engine/capture/pcapng.h"

namespace tsvde {

// The time of day, read from the system at the first read() after a reset(), so that the frames of a batch,
// in all captures, have the same time.
class WallClock {
 public:
  [[nodiscard]] Time read();
  void reset() { now_ = 0; }

 private:
  Time now_ = 0;
};

struct CaptureSettings {
  std::vector<uint32_t> ports{};  // the captured ports; empty: all ports
  bool received = true;           // whether frames that the switch receives from a port are captured
  bool transmitted = true;        // whether frames that the switch sends to a port are captured
  uint32_t snap_length = 262144;  // the most bytes of a frame that are kept
  bool drops = false;             // whether dropped frames are captured, with a comment
  uint64_t count = 0;             // the number of frames after which the capture finishes; 0: no limit
  std::optional<Bpf> filter{};
  std::string application{};
};

struct CaptureStats {
  uint64_t frames = 0;  // frames put into the ring
  uint64_t bytes = 0;   // bytes of these frames, each truncated to the snap length
  uint64_t lost = 0;    // frames for which the ring had no room
  bool finishing = false;
  bool ended = false;
  int error = 0;  // the errno if the capture ended before everything was written, otherwise 0
};

class Capture {
 public:
  Capture(CaptureSettings settings, std::unique_ptr<Output> output);

  // Sets the name and the description of a port's interface. Has no effect once the interface is written.
  void describe(uint32_t port, std::string name, std::string description);
  // Writes the interface of a port now if the port is captured. Without this call, the interface is written
  // together with the port's first frame.
  void add_interface(uint32_t port);
  // Returns whether the settings select frames of this port and direction. The filter is not applied.
  [[nodiscard]] bool wants(uint32_t port, bool received) const;
  [[nodiscard]] bool wants_drops() const { return settings_.drops; }
  // Captures a frame, which must not need segmentation, if the filter accepts it. The comment may be empty.
  // The output gets the frame at the next flush(). Without memory to describe the frame's interface, the
  // frame is lost and counted.
  void take(uint32_t port, const Frame& frame, bool received, WallClock& clock, std::string_view comment);
  void flush();
  // Makes the capture take no more frames. The output ends when all frames are written. A second call has no
  // effect. Without memory for the statistics, the output ends without them.
  void finish();

  [[nodiscard]] Output& output() { return *output_; }
  [[nodiscard]] CaptureStats stats() const;
  bool end_reported = false;  // set by Captures when it calls `ended`

 private:
  struct Interface {
    bool written = false;
    uint32_t number = 0;  // the number of the interface in the file
    uint64_t frames = 0;
    uint64_t lost = 0;
    std::string name{};
    std::string description{};
  };

  void add(uint32_t port, const Frame& frame, bool received, WallClock& clock, std::string_view comment);
  // Returns the statistics of all interfaces, as they are written at the end.
  [[nodiscard]] pcapng::Bytes statistics();
  Interface& interface_of(uint32_t port);
  void write_interface(pcapng::Bytes& out, uint32_t port, Interface& interface);
  void copy(const Frame& frame, uint32_t most);
  void put_comment(const pcapng::Packet& packet);

  const CaptureSettings settings_;
  const std::unique_ptr<Output> output_;
  std::vector<std::unique_ptr<Interface>> interfaces_;  // by port, with gaps
  std::vector<uint32_t> written_;                       // the ports of the interfaces in the file, in order
  bool unflushed_ = false;  // whether take() has put blocks since the last flush()
  CaptureStats stats_;
};

}  // namespace tsvde
