// Tests which classic BPF programs are refused, and what the others return.
#include "engine/capture/bpf.h"

#include <linux/filter.h>

#include "test/check.h"
#include "test/frames.h"

using namespace tsvde;
using namespace tsvde::test;

namespace {

using Program = std::vector<Bpf::Instruction>;

constexpr Bpf::Instruction kAccept{BPF_RET | BPF_K, 0, 0, 1};
constexpr Bpf::Instruction kReject{BPF_RET | BPF_K, 0, 0, 0};

bool is_valid(Program program) {
  return Bpf::checked(std::move(program)).has_value();
}

// Returns whether the program, which must not have a return instruction, leaves `expected` in A.
bool leaves(Program program, uint32_t expected, const Frame& frame) {
  program.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 1, expected});
  program.push_back(kAccept);
  program.push_back(kReject);
  const auto checked = Bpf::checked(std::move(program));
  CHECK(checked.has_value());
  return checked && checked->accepts(frame);
}

constexpr Bpf::Instruction load(uint32_t value) {
  return {BPF_LD | BPF_IMM, 0, 0, value};
}

constexpr Bpf::Instruction load_x(uint32_t value) {
  return {BPF_LDX | BPF_IMM, 0, 0, value};
}

}  // namespace

TEST("a BPF program must return, and must not jump backwards or beyond its end") {
  CHECK(!is_valid({}));
  CHECK(is_valid({kAccept}) && is_valid({{BPF_RET | BPF_A, 0, 0, 0}}));
  CHECK(!is_valid({load(1)}));
  CHECK(!is_valid({kAccept, load(1)}));
  CHECK(!is_valid({{BPF_JMP | BPF_JA, 0, 0, 1}, kAccept}));
  CHECK(is_valid({{BPF_JMP | BPF_JA, 0, 0, 0}, kAccept}));
  CHECK(!is_valid({{BPF_JMP | BPF_JA, 0, 0, 0xffff'ffff}, kAccept}));
  CHECK(!is_valid({{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0}, kAccept}));
  CHECK(!is_valid({{BPF_JMP | BPF_JEQ | BPF_K, 0, 255, 0}, kAccept}));
  CHECK(!is_valid({{BPF_JMP | BPF_JA | BPF_X, 0, 0, 0}, kAccept}));
  Program longest(Bpf::kMost - 1, load(1));
  longest.push_back(kAccept);
  CHECK(is_valid(longest));
  longest.insert(longest.begin(), load(1));
  CHECK(!is_valid(longest));
}

TEST("a BPF program must stay in its memory, and must not divide by a constant zero") {
  for (const uint16_t code : {BPF_ST, BPF_STX, BPF_LD | BPF_MEM, BPF_LDX | BPF_MEM}) {
    CHECK(is_valid({{code, 0, 0, 15}, kAccept}));
    CHECK(!is_valid({{code, 0, 0, 16}, kAccept}));
  }
  for (const uint16_t code : {BPF_DIV, BPF_MOD}) {
    CHECK(!is_valid({{static_cast<uint16_t>(BPF_ALU | code | BPF_K), 0, 0, 0}, kAccept}));
    CHECK(is_valid({{static_cast<uint16_t>(BPF_ALU | code | BPF_X), 0, 0, 0}, kAccept}));
  }
  CHECK(is_valid({{BPF_ALU | BPF_LSH | BPF_K, 0, 0, 31}, kAccept}));
  CHECK(!is_valid({{BPF_ALU | BPF_LSH | BPF_K, 0, 0, 32}, kAccept}));
}

TEST("BPF loads numbers from any part of the frame, and a load beyond the frame's end rejects the frame") {
  Bytes a = frame_bytes(kB, kA, 14);
  Bytes b = {0x11, 0x22, 0x33, 0x44, 0x45, 0x66};
  Frame frame;
  frame.parts = {iovec{a.data(), 12}, iovec{a.data() + 12, 2}, iovec{b.data(), b.size()}};
  frame.part_count = 3;
  CHECK(leaves({{BPF_LD | BPF_W | BPF_LEN, 0, 0, 0}}, 20, frame));
  CHECK(leaves({{BPF_LD | BPF_H | BPF_ABS, 0, 0, 12}}, 0x88b5, frame));
  CHECK(leaves({{BPF_LD | BPF_W | BPF_ABS, 0, 0, 13}}, 0xb5112233, frame));
  CHECK(leaves({{BPF_LD | BPF_W | BPF_ABS, 0, 0, 16}}, 0x33444566, frame));
  CHECK(leaves({load_x(10), {BPF_LD | BPF_B | BPF_IND, 0, 0, 9}}, 0x66, frame));
  CHECK(leaves({{BPF_LDX | BPF_B | BPF_MSH, 0, 0, 18}, {BPF_MISC | BPF_TXA, 0, 0, 0}}, 20, frame));
  for (const uint32_t at : {17u, 20u, 0xffff'fffcu, 0xffff'ffffu})
    CHECK(!Bpf::checked({{BPF_LD | BPF_W | BPF_ABS, 0, 0, at}, kAccept})->accepts(frame));
  const Program beyond{load_x(0xffff'ffff), {BPF_LD | BPF_B | BPF_IND, 0, 0, 1}, kAccept};
  CHECK(!Bpf::checked(beyond)->accepts(frame));
}

TEST("BPF calculates, jumps and remembers") {
  Slot slot(frame_bytes(kB, kA));
  const auto calculated = [&](uint16_t op, uint32_t left, uint32_t right, uint32_t expected) {
    const auto by_x = static_cast<uint16_t>(BPF_ALU | op | BPF_X);
    return leaves({load_x(right), load(left), {by_x, 0, 0, 0}}, expected, slot.frame);
  };
  CHECK(calculated(BPF_ADD, 0xffff'ffff, 2, 1) && calculated(BPF_SUB, 1, 2, 0xffff'ffff));
  CHECK(calculated(BPF_MUL, 0x10000, 0x10001, 0x10000) && calculated(BPF_DIV, 7, 2, 3));
  CHECK(calculated(BPF_MOD, 7, 4, 3) && calculated(BPF_AND, 6, 3, 2) && calculated(BPF_OR, 6, 3, 7));
  CHECK(calculated(BPF_XOR, 6, 3, 5) && calculated(BPF_LSH, 1, 31, 0x8000'0000));
  CHECK(calculated(BPF_LSH, 1, 32, 0) && calculated(BPF_RSH, 8, 2, 2) && calculated(BPF_RSH, 8, 99, 0));
  CHECK(leaves({load(5), {BPF_ALU | BPF_NEG, 0, 0, 0}}, 0xffff'fffb, slot.frame));
  const Program divides{load(7), load_x(0), {BPF_ALU | BPF_DIV | BPF_X, 0, 0, 0}, kAccept};
  CHECK(!Bpf::checked(divides)->accepts(slot.frame));
  CHECK(leaves({load(9), {BPF_ST, 0, 0, 15}, load(1), {BPF_LD | BPF_MEM, 0, 0, 15}}, 9, slot.frame));
  CHECK(leaves({load_x(9), {BPF_STX, 0, 0, 3}, {BPF_LD | BPF_MEM, 0, 0, 3}}, 9, slot.frame));
  CHECK(leaves({{BPF_LD | BPF_MEM, 0, 0, 7}}, 0, slot.frame));
  CHECK(leaves({load(1), {BPF_JMP | BPF_JA, 0, 0, 1}, load(2), load(3)}, 3, slot.frame));
  const auto jumps = [&](uint16_t op, uint32_t a, uint32_t k) {
    const Program program{load(a), {static_cast<uint16_t>(BPF_JMP | op | BPF_K), 0, 1, k}, kAccept, kReject};
    return Bpf::checked(program)->accepts(slot.frame);
  };
  CHECK(jumps(BPF_JEQ, 3, 3) && !jumps(BPF_JEQ, 3, 4) && jumps(BPF_JGT, 4, 3) && !jumps(BPF_JGT, 3, 3));
  CHECK(jumps(BPF_JGE, 3, 3) && !jumps(BPF_JGE, 2, 3) && jumps(BPF_JSET, 6, 4) && !jumps(BPF_JSET, 6, 1));
}

TEST("random BPF programs are refused, or end without invalid accesses") {
  int valid = 0;
  for (int round = 0; round < rounds(20'000); round++) {
    Program program(1 + random_below(8));
    for (auto& [code, jump_true, jump_false, k] : program) {
      code = static_cast<uint16_t>(random_below(256));
      jump_true = static_cast<uint8_t>(random_below(4));
      jump_false = static_cast<uint8_t>(random_below(4));
      k = random_below(3) == 0 ? random_below(0xffff'ffff) : random_below(70);
    }
    program.back() = random_below(2) == 0 ? kAccept : Bpf::Instruction{BPF_RET | BPF_A, 0, 0, 0};
    const auto checked = Bpf::checked(program);
    if (!checked) continue;
    valid++;
    Slot slot(frame_bytes(kB, kA, 60 + random_below(10)));
    (void)checked->accepts(slot.frame);
  }
  CHECK(valid > 100);
}
