#include "engine/capture/bpf.h"

#include <endian.h>
#include <linux/bpf_common.h>
#include <linux/filter.h>

#include <array>
#include <cstring>

namespace tsvde {
namespace {

using Instruction = Bpf::Instruction;

constexpr uint32_t kCells = BPF_MEMWORDS;
constexpr uint32_t kWordBits = 32;

// The bytes of a frame, which may be in several parts.
class Packet {
 public:
  explicit Packet(const Frame& frame) : frame_(frame), first_(frame.all_parts()[0]), size_(frame.size()) {}

  [[nodiscard]] uint32_t size() const { return size_; }
  // Loads the big-endian number at offset `at`. Returns false if the number extends beyond the end of the
  // frame.
  template <typename Number>
  [[nodiscard]] bool load(uint64_t at, uint32_t& value) const {
    if (at + sizeof(Number) <= first_.iov_len) [[likely]] {
      Number number = 0;
      std::memcpy(&number, static_cast<const uint8_t*>(first_.iov_base) + at, sizeof number);
      value = from_big_endian(number);
      return true;
    }
    if (at + sizeof(Number) > size_) return false;
    value = 0;
    for (size_t i = 0; i < sizeof(Number); i++) value = value << 8 | byte(at + i);
    return true;
  }

 private:
  static uint32_t from_big_endian(uint8_t number) { return number; }
  static uint32_t from_big_endian(uint16_t number) { return be16toh(number); }
  static uint32_t from_big_endian(uint32_t number) { return be32toh(number); }
  [[nodiscard]] uint8_t byte(uint64_t at) const {
    for (const iovec& part : frame_.all_parts()) {
      if (at < part.iov_len) return static_cast<const uint8_t*>(part.iov_base)[at];
      at -= part.iov_len;
    }
    return 0;
  }

  const Frame& frame_;
  const iovec first_;
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

// Runs a checked program and returns what it returns. There is one switch, since most filters decide after a
// few instructions, and then the decoding of an instruction is most of its cost.
uint32_t run(const Instruction* next, const Packet& packet) {
  uint32_t a = 0;
  uint32_t x = 0;
  std::array<uint32_t, kCells> cells{};
  const auto jump = [&next](bool so) { next += so ? next->jump_true : next->jump_false; };
  for (;; next++) {
    const uint32_t k = next->k;
    const uint32_t operand = BPF_SRC(next->code) == BPF_X ? x : k;
    switch (next->code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (!packet.load<uint32_t>(k, a)) return 0;
        break;
      case BPF_LD | BPF_H | BPF_ABS:
        if (!packet.load<uint16_t>(k, a)) return 0;
        break;
      case BPF_LD | BPF_B | BPF_ABS:
        if (!packet.load<uint8_t>(k, a)) return 0;
        break;
      case BPF_LD | BPF_W | BPF_IND:
        if (!packet.load<uint32_t>(uint64_t{k} + x, a)) return 0;
        break;
      case BPF_LD | BPF_H | BPF_IND:
        if (!packet.load<uint16_t>(uint64_t{k} + x, a)) return 0;
        break;
      case BPF_LD | BPF_B | BPF_IND:
        if (!packet.load<uint8_t>(uint64_t{k} + x, a)) return 0;
        break;
      case BPF_LDX | BPF_B | BPF_MSH:  // the length of an IPv4 header
        if (!packet.load<uint8_t>(k, x)) return 0;
        x = (x & 0xf) * 4;
        break;
      case BPF_LD | BPF_W | BPF_LEN:
        a = packet.size();
        break;
      case BPF_LDX | BPF_W | BPF_LEN:
        x = packet.size();
        break;
      case BPF_LD | BPF_W | BPF_IMM:
        a = k;
        break;
      case BPF_LDX | BPF_W | BPF_IMM:
        x = k;
        break;
      case BPF_LD | BPF_W | BPF_MEM:
        a = cells[k];
        break;
      case BPF_LDX | BPF_W | BPF_MEM:
        x = cells[k];
        break;
      case BPF_ST:
        cells[k] = a;
        break;
      case BPF_STX:
        cells[k] = x;
        break;
      case BPF_ALU | BPF_ADD | BPF_K:
      case BPF_ALU | BPF_ADD | BPF_X:
        a += operand;
        break;
      case BPF_ALU | BPF_SUB | BPF_K:
      case BPF_ALU | BPF_SUB | BPF_X:
        a -= operand;
        break;
      case BPF_ALU | BPF_MUL | BPF_K:
      case BPF_ALU | BPF_MUL | BPF_X:
        a *= operand;
        break;
      case BPF_ALU | BPF_DIV | BPF_K:
      case BPF_ALU | BPF_DIV | BPF_X:
        if (operand == 0) return 0;
        a /= operand;
        break;
      case BPF_ALU | BPF_MOD | BPF_K:
      case BPF_ALU | BPF_MOD | BPF_X:
        if (operand == 0) return 0;
        a %= operand;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
      case BPF_ALU | BPF_AND | BPF_X:
        a &= operand;
        break;
      case BPF_ALU | BPF_OR | BPF_K:
      case BPF_ALU | BPF_OR | BPF_X:
        a |= operand;
        break;
      case BPF_ALU | BPF_XOR | BPF_K:
      case BPF_ALU | BPF_XOR | BPF_X:
        a ^= operand;
        break;
      case BPF_ALU | BPF_LSH | BPF_K:
      case BPF_ALU | BPF_LSH | BPF_X:
        a = operand < kWordBits ? a << operand : 0;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
      case BPF_ALU | BPF_RSH | BPF_X:
        a = operand < kWordBits ? a >> operand : 0;
        break;
      case BPF_ALU | BPF_NEG:
        a = -a;
        break;
      case BPF_JMP | BPF_JA:
        next += k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
      case BPF_JMP | BPF_JEQ | BPF_X:
        jump(a == operand);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
      case BPF_JMP | BPF_JGT | BPF_X:
        jump(a > operand);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
      case BPF_JMP | BPF_JGE | BPF_X:
        jump(a >= operand);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
      case BPF_JMP | BPF_JSET | BPF_X:
        jump((a & operand) != 0);
        break;
      case BPF_RET | BPF_K:
        return k;
      case BPF_RET | BPF_A:
        return a;
      case BPF_MISC | BPF_TAX:
        x = a;
        break;
      case BPF_MISC | BPF_TXA:
        a = x;
        break;
      default:
        return 0;  // no other instruction passes the check
    }
  }
}

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
  return run(program_.data(), Packet(frame)) != 0;
}

}  // namespace tsvde
