// The checker and the machine of BPF programs, against an oracle that knows every instruction by its number
// in McCanne and Jacobson's table. The frame is in up to three parts.
#include "engine/capture/bpf.h"

#include <linux/filter.h>

#include <array>
#include <optional>

#include "fuzz/target.h"

using namespace tsvde;
using namespace tsvde::fuzz;

namespace {

using Bytes = std::vector<uint8_t>;
using Instruction = Bpf::Instruction;

// The limit of the operand of a valid instruction.
enum class Limit { none, cell, shift, divisor, jump, branch };

struct Row {
  Limit limit;
  uint32_t count;
  std::array<uint16_t, 40> codes;
};
constexpr std::array<Row, 6> kRows = {{
    {Limit::none, 36, {0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x00, 0x80,              // loads of A
                       0x01, 0x81, 0xb1,                                            // loads of X
                       0x04, 0x14, 0x24, 0x44, 0x54, 0xa4, 0x84,                    // arithmetic with k
                       0x0c, 0x1c, 0x2c, 0x3c, 0x9c, 0x4c, 0x5c, 0xac, 0x6c, 0x7c,  // arithmetic with X
                       0x06, 0x16, 0x07, 0x87,                                      // returns, moves
                       0x20, 0x30, 0x04, 0x1c}},  // some again, to be frequent
    {Limit::cell, 4, {0x60, 0x61, 0x02, 0x03}},
    {Limit::shift, 2, {0x64, 0x74}},
    {Limit::divisor, 2, {0x34, 0x94}},
    {Limit::jump, 1, {0x05}},
    {Limit::branch, 8, {0x15, 0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d}},
}};

// Returns nullopt if there is no such instruction.
std::optional<Limit> limit_of(uint16_t code) {
  for (const auto& [limit, count, codes] : kRows)
    if (std::ranges::find(codes.begin(), codes.begin() + count, code) != codes.begin() + count) return limit;
  return std::nullopt;
}

bool is_valid(const std::vector<Instruction>& program) {
  if (program.empty() || program.size() > 4096) return false;
  for (size_t i = 0; i < program.size(); i++) {
    const auto [code, jump_true, jump_false, k] = program[i];
    const uint64_t after = program.size() - i - 1;
    const auto limit = limit_of(code);
    if (!limit) return false;
    if (limit == Limit::cell && k >= 16) return false;
    if (limit == Limit::shift && k >= 32) return false;
    if (limit == Limit::divisor && k == 0) return false;
    if (limit == Limit::jump && k >= after) return false;
    if (limit == Limit::branch && (jump_true >= after || jump_false >= after)) return false;
  }
  return program.back().code == 0x06 || program.back().code == 0x16;
}

// clang-format off
// Returns what a valid program returns; nullopt if it loads beyond the frame or divides by zero.
std::optional<uint32_t> run(const std::vector<Instruction>& program, const Bytes& frame) {
  uint64_t a = 0;
  uint64_t x = 0;
  std::array<uint64_t, 16> cells{};
  const auto load = [&](uint64_t at, uint32_t width) -> std::optional<uint64_t> {
    uint64_t value = 0;
    for (uint64_t i = at; i < at + width; i++) {
      if (i >= frame.size()) return std::nullopt;
      value = value * 256 + frame[i];
    }
    return value;
  };
  for (size_t i = 0;; i++) {
    const Instruction& one = program[i];
    const uint64_t k = one.k;
    const uint64_t operand = (one.code & 8) != 0 ? x : k;
    const auto branch = [&](bool so) { i += so ? one.jump_true : one.jump_false; };
    std::optional<uint64_t> value;
    switch (one.code) {
      case 0x20: value = load(k, 4); break;
      case 0x28: value = load(k, 2); break;
      case 0x30: value = load(k, 1); break;
      case 0x40: value = load(x + k, 4); break;
      case 0x48: value = load(x + k, 2); break;
      case 0x50: value = load(x + k, 1); break;
      case 0x00: value = k; break;
      case 0x80: value = frame.size(); break;
      case 0x60: value = cells[k]; break;
      case 0x01: x = k; continue;
      case 0x81: x = frame.size(); continue;
      case 0x61: x = cells[k]; continue;
      case 0xb1:
        value = load(k, 1);
        if (!value) return std::nullopt;
        x = *value % 16 * 4;
        continue;
      case 0x02: cells[k] = a; continue;
      case 0x03: cells[k] = x; continue;
      case 0x04: case 0x0c: value = a + operand; break;
      case 0x14: case 0x1c: value = a - operand; break;
      case 0x24: case 0x2c: value = a * operand; break;
      case 0x34: case 0x3c: if (operand != 0) value = a / operand; break;
      case 0x94: case 0x9c: if (operand != 0) value = a % operand; break;
      case 0x44: case 0x4c: value = a | operand; break;
      case 0x54: case 0x5c: value = a & operand; break;
      case 0xa4: case 0xac: value = a ^ operand; break;
      case 0x64: case 0x6c: value = operand > 31 ? 0 : a << operand; break;
      case 0x74: case 0x7c: value = operand > 31 ? 0 : a >> operand; break;
      case 0x84: value = 0 - a; break;
      case 0x05: i += k; continue;
      case 0x15: case 0x1d: branch(a == operand); continue;
      case 0x25: case 0x2d: branch(a > operand); continue;
      case 0x35: case 0x3d: branch(a >= operand); continue;
      case 0x45: case 0x4d: branch((a & operand) != 0); continue;
      case 0x06: return one.k;
      case 0x16: return static_cast<uint32_t>(a);
      case 0x07: x = a; continue;
      default: a = x; continue;
    }
    if (!value) return std::nullopt;
    a = *value & 0xffff'ffff;
  }
}
// clang-format on

uint16_t known_code(uint8_t which) {
  const Row& row = which % 2 == 0 ? kRows[0] : kRows[which / 2 % kRows.size()];
  return row.codes[which / 4 % row.count];
}

std::vector<Instruction> some_program(Input& input) {
  std::vector<Instruction> program(input.below(24));
  for (auto& [code, jump_true, jump_false, k] : program) {
    const uint8_t which = input.byte();
    code = which == 255 ? input.next<uint16_t>() : known_code(which);
    jump_true = input.byte() % 8;
    jump_false = jump_true / 2 + (which & 1);
    k = input.one_in(8) ? input.next<uint32_t>() : input.below(70);
    if (limit_of(code) == Limit::cell) k %= 17;
  }
  if (!input.one_in(16)) program.push_back({static_cast<uint16_t>(0x06 + input.below(2) * 0x10), 0, 0, 1});
  return program;
}

}  // namespace

FUZZ_TARGET(bpf) {
  const auto program = some_program(input);
  const auto checked = Bpf::checked(program);
  require(checked.has_value() == is_valid(program), "exactly the valid programs are accepted");
  if (!checked) return;
  while (!input.empty()) {
    Bytes bytes = input.bytes(14 + input.below(80));
    bytes.resize(std::max<size_t>(bytes.size(), 14));
    const size_t first = input.below(static_cast<uint32_t>(bytes.size()));
    const size_t second = first + input.byte() % (bytes.size() - first);
    Frame frame;
    frame.parts = {iovec{bytes.data(), first}, iovec{&bytes[first], second - first},
                   iovec{&bytes[second], bytes.size() - second}};
    frame.part_count = 3;
    const auto expected = run(program, bytes);
    require(checked->accepts(frame) == (expected.value_or(0) != 0),
            "the program returns what the oracle does");
  }
}
