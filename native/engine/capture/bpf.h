// A classic BPF program (McCanne and Jacobson, 1993), which is what libpcap compiles filters to. Programs are
// checked before they run, so that even a malicious program terminates, and accesses nothing but the frame
// and its own memory cells.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/frame.h"

namespace tsvde {

class Bpf {
 public:
  struct Instruction {
    uint16_t code;
    uint8_t jump_true;
    uint8_t jump_false;
    uint32_t k;
  };
  static constexpr size_t kMost = 4096;  // the most instructions of a program, as in Linux

  // Returns the program if it is valid: every instruction is known, jumps lead forward to instructions of the
  // program, memory cells exist, no constant divisor is zero, no constant shift is by more than 31 bits, and
  // the last instruction returns.
  [[nodiscard]] static std::optional<Bpf> checked(std::vector<Instruction> program);

  // Returns whether the program accepts the frame. A load beyond the frame's end rejects the frame, and so
  // does a division by X if X is 0.
  [[nodiscard]] bool accepts(const Frame& frame) const;

 private:
  explicit Bpf(std::vector<Instruction> program) : program_(std::move(program)) {}

  std::vector<Instruction> program_;
};

}  // namespace tsvde
