#include "engine/capture/bpf.h"

#include <linux/bpf_common.h>
#include <linux/filter.h>

#include <array>

namespace tsvde {
namespace {

using Instruction = Bpf::Instruction;

constexpr uint32_t kCells = BPF_MEMWORDS;
constexpr uint32_t kWordBits = 32;

// The bytes of a frame, which may be in several parts.
class Packet {
 public:
  explicit Packet(const Frame& frame) : frame_(frame), size_(frame.size()) {}

  [[nodiscard]] uint32_t size() const { return size_; }
  // Loads the big-endian number of `width` bytes at offset `at`. Returns false if the number extends beyond
  // the end of the frame.
  [[nodiscard]] bool load(uint64_t at, uint32_t width, uint32_t& value) const {
    if (at + width > size_) return false;
    value = 0;
    const bool usual = at + width <= frame_.parts[0].iov_len && frame_.list == nullptr;
    for (uint32_t i = 0; i < width; i++) value = value << 8 | (usual ? frame_.data()[at + i] : byte(at + i));
    return true;
  }

 private:
  [[nodiscard]] uint8_t byte(uint64_t at) const {
    for (const iovec& part : frame_.all_parts()) {
      if (at < part.iov_len) return static_cast<const uint8_t*>(part.iov_base)[at];
      at -= part.iov_len;
    }
    return 0;
  }

  const Frame& frame_;
  const uint32_t size_;
};

bool is_valid_load(const Instruction& instruction) {
  const bool to_x = BPF_CLASS(instruction.code) == BPF_LDX;
  const uint32_t width = BPF_SIZE(instruction.code);
  switch (BPF_MODE(instruction.code)) {
    case BPF_ABS:
    case BPF_IND:
      return !to_x && (width == BPF_W || width == BPF_H || width == BPF_B);
    case BPF_IMM:
    case BPF_LEN:
      return width == BPF_W;
    case BPF_MEM:
      return width == BPF_W && instruction.k < kCells;
    case BPF_MSH:
      return to_x && width == BPF_B;
    default:
      return false;
  }
}

bool is_valid_alu(const Instruction& instruction) {
  const bool constant = BPF_SRC(instruction.code) == BPF_K;
  switch (BPF_OP(instruction.code)) {
    case BPF_ADD:
    case BPF_SUB:
    case BPF_MUL:
    case BPF_AND:
    case BPF_OR:
    case BPF_XOR:
      return true;
    case BPF_NEG:
      return constant;
    case BPF_DIV:
    case BPF_MOD:
      return !constant || instruction.k != 0;
    case BPF_LSH:
    case BPF_RSH:
      return !constant || instruction.k < kWordBits;
    default:
      return false;
  }
}

// Returns whether the instruction is a valid jump, given that `left` instructions follow it.
bool is_valid_jump(const Instruction& instruction, size_t left) {
  switch (BPF_OP(instruction.code)) {
    case BPF_JA:
      return BPF_SRC(instruction.code) == BPF_K && instruction.k < left;
    case BPF_JEQ:
    case BPF_JGT:
    case BPF_JGE:
    case BPF_JSET:
      return instruction.jump_true < left && instruction.jump_false < left;
    default:
      return false;
  }
}

bool is_valid(const Instruction& instruction, size_t left) {
  if (instruction.code > 0xff) return false;
  switch (BPF_CLASS(instruction.code)) {
    case BPF_LD:
    case BPF_LDX:
      return is_valid_load(instruction);
    case BPF_ST:
    case BPF_STX:
      return (instruction.code & ~7) == 0 && instruction.k < kCells;
    case BPF_ALU:
      return is_valid_alu(instruction);
    case BPF_JMP:
      return is_valid_jump(instruction, left);
    case BPF_RET:
      return instruction.code == (BPF_RET | BPF_K) || instruction.code == (BPF_RET | BPF_A);
    case BPF_MISC:
      return instruction.code == (BPF_MISC | BPF_TAX) || instruction.code == (BPF_MISC | BPF_TXA);
    default:
      return false;
  }
}

class Machine {
 public:
  explicit Machine(const Packet& packet) : packet_(packet) {}

  [[nodiscard]] uint32_t run(const Instruction* next) {
    for (;; next++) {
      const Instruction& instruction = *next;
      switch (BPF_CLASS(instruction.code)) {
        case BPF_LD:
          if (!load(instruction)) return 0;
          break;
        case BPF_LDX:
          if (!load_x(instruction)) return 0;
          break;
        case BPF_ST:
          cells_[instruction.k] = a_;
          break;
        case BPF_STX:
          cells_[instruction.k] = x_;
          break;
        case BPF_ALU:
          if (!calculate(instruction)) return 0;
          break;
        case BPF_JMP:
          next += distance(instruction);
          break;
        case BPF_RET:
          return BPF_RVAL(instruction.code) == BPF_A ? a_ : instruction.k;
        default:
          if (BPF_MISCOP(instruction.code) == BPF_TAX) {
            x_ = a_;
          } else {
            a_ = x_;
          }
      }
    }
  }

 private:
  [[nodiscard]] static uint32_t width_of(const Instruction& instruction) {
    switch (BPF_SIZE(instruction.code)) {
      case BPF_W:
        return 4;
      case BPF_H:
        return 2;
      default:
        return 1;
    }
  }

  [[nodiscard]] bool load(const Instruction& instruction) {
    const uint64_t k = instruction.k;
    switch (BPF_MODE(instruction.code)) {
      case BPF_ABS:
        return packet_.load(k, width_of(instruction), a_);
      case BPF_IND:
        return packet_.load(k + x_, width_of(instruction), a_);
      case BPF_LEN:
        a_ = packet_.size();
        return true;
      case BPF_MEM:
        a_ = cells_[instruction.k];
        return true;
      default:
        a_ = instruction.k;
        return true;
    }
  }

  [[nodiscard]] bool load_x(const Instruction& instruction) {
    switch (BPF_MODE(instruction.code)) {
      case BPF_MSH:  // the length of an IPv4 header
        if (!packet_.load(instruction.k, 1, x_)) return false;
        x_ = (x_ & 0xf) * 4;
        return true;
      case BPF_LEN:
        x_ = packet_.size();
        return true;
      case BPF_MEM:
        x_ = cells_[instruction.k];
        return true;
      default:
        x_ = instruction.k;
        return true;
    }
  }

  [[nodiscard]] uint32_t operand(const Instruction& instruction) const {
    return BPF_SRC(instruction.code) == BPF_X ? x_ : instruction.k;
  }

  [[nodiscard]] bool calculate(const Instruction& instruction) {
    const uint32_t by = operand(instruction);
    switch (BPF_OP(instruction.code)) {
      case BPF_ADD:
        a_ += by;
        return true;
      case BPF_SUB:
        a_ -= by;
        return true;
      case BPF_MUL:
        a_ *= by;
        return true;
      case BPF_DIV:
        if (by == 0) return false;
        a_ /= by;
        return true;
      case BPF_MOD:
        if (by == 0) return false;
        a_ %= by;
        return true;
      case BPF_AND:
        a_ &= by;
        return true;
      case BPF_OR:
        a_ |= by;
        return true;
      case BPF_XOR:
        a_ ^= by;
        return true;
      case BPF_LSH:
        a_ = by < kWordBits ? a_ << by : 0;
        return true;
      case BPF_RSH:
        a_ = by < kWordBits ? a_ >> by : 0;
        return true;
      default:
        a_ = -a_;
        return true;
    }
  }

  [[nodiscard]] uint32_t distance(const Instruction& instruction) const {
    const uint32_t to = operand(instruction);
    bool so = false;
    switch (BPF_OP(instruction.code)) {
      case BPF_JA:
        return instruction.k;
      case BPF_JEQ:
        so = a_ == to;
        break;
      case BPF_JGT:
        so = a_ > to;
        break;
      case BPF_JGE:
        so = a_ >= to;
        break;
      default:
        so = (a_ & to) != 0;
    }
    return so ? instruction.jump_true : instruction.jump_false;
  }

  const Packet& packet_;
  uint32_t a_ = 0;
  uint32_t x_ = 0;
  std::array<uint32_t, kCells> cells_{};
};

}  // namespace

std::optional<Bpf> Bpf::checked(std::vector<Instruction> program) {
  if (program.empty() || program.size() > kMost) return std::nullopt;
  for (size_t i = 0; i < program.size(); i++) {
    if (!is_valid(program[i], program.size() - i - 1)) return std::nullopt;
  }
  if (BPF_CLASS(program.back().code) != BPF_RET) return std::nullopt;
  return Bpf(std::move(program));
}

bool Bpf::accepts(const Frame& frame) const {
  const Packet packet(frame);
  return Machine(packet).run(program_.data()) != 0;
}

}  // namespace tsvde
