// A program for seccomp(2) in the kernel's form, for bwrap: system calls that are permitted, and conditions on their
// arguments. The numbers come from the C compiler's headers, and the sets of systemd's names from systemd-analyze.
import { execFileSync } from 'node:child_process';

const ARCHITECTURES: Record<string, number> = { x64: 0xc000003e, arm64: 0xc00000b7 }; // linux/audit.h
const KILL = 0x80000000;
const ERROR = 0x00050000;
const ALLOW = 0x7fff0000;
const NUMBER_AT = 0;
const ARCHITECTURE_AT = 4;
const ARGUMENTS_AT = 16;

/** A call is answered with `errno` unless the low half of the argument, after `mask`, is among `values`. */
export interface ArgumentRule {
  call: string;
  argument: number;
  mask?: number;
  values: readonly number[];
  errno: number;
}

/** Returns the program. Every call that is not in `permitted` is answered with `errno`. */
export function seccompProgram(permitted: Iterable<string>, rules: readonly ArgumentRule[], errno: number): Buffer {
  const numbers = callNumbers();
  const code: Buffer[] = [load(ARCHITECTURE_AT), jumpIfEqual(ARCHITECTURES[process.arch]!, 1, 0), result(KILL)];
  for (const { call, argument, mask = 0xffffffff, values, errno } of rules) {
    const tests = values.map((value, i) => jumpIfEqual(value, values.length - i, 0));
    const body = [load(ARGUMENTS_AT + 8 * argument), and(mask), ...tests, result(ERROR | errno)];
    const number = numbers.get(call);
    if (number !== undefined) code.push(load(NUMBER_AT), jumpIfEqual(number, 0, body.length), ...body);
  }
  code.push(load(NUMBER_AT));
  for (const call of permitted) {
    const number = numbers.get(call); // undefined for the calls of other architectures
    if (number !== undefined) code.push(jumpIfEqual(number, 0, 1), result(ALLOW));
  }
  return Buffer.concat([...code, result(ERROR | errno)]);
}

const load = (offset: number) => instruction(0x20, offset);
const and = (mask: number) => instruction(0x54, mask);
const jumpIfEqual = (value: number, yes: number, no: number) => instruction(0x15, value, yes, no);
const result = (value: number) => instruction(0x06, value);

/** An instruction of the kernel's BPF (struct sock_filter). */
function instruction(code: number, operand: number, yes = 0, no = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes[2] = yes;
  bytes[3] = no;
  bytes.writeUInt32LE(operand >>> 0, 4);
  return bytes;
}

function callNumbers(): Map<string, number> {
  const macros = execFileSync('cc', ['-E', '-dM', '-include', 'sys/syscall.h', '-x', 'c', '/dev/null'], { encoding: 'utf8' }); // biome-ignore format: a row
  return new Map(
    [...macros.matchAll(/^#define __NR_(\w+) (\d+)$/gm)].map(([, name, number]) => [name!, Number(number)]),
  );
}

/** Returns the names of the system calls in systemd's sets and calls, given as in SystemCallFilter=. */
export function callsOf(words: readonly string[]): Set<string> {
  const text = execFileSync('systemd-analyze', ['syscall-filter'], { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } }); // biome-ignore format: a row
  const sets = new Map(
    text.split(/^(?=@)/m).map((set) => {
      const [name, ...members] = set.split('\n').map((line) => line.trim());
      return [name!, members.filter((word) => /^[@\w]/.test(word))] as const;
    }),
  );
  const expand = (word: string): string[] => (word.startsWith('@') ? (sets.get(word) ?? []).flatMap(expand) : [word]);
  return new Set(words.flatMap(expand));
}
