// Supports -daemonize: QEMU forks, so that the process that joined the switch ends and another process runs the guest.
// tsvdeq waits for QEMU's first process to end, and then joins each port again in the name of the process that lives
// on.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Returns the ID of the process that inherited our descriptor `fd`, or otherwise the ID in the file of -pidfile;
 * undefined if neither ID is known.
 */
export function backgroundProcess(args: readonly string[], fd: number): number | undefined {
  return heir(readlinkSync(`/proc/self/fd/${fd}`)) ?? pidInFile(args);
}

export function goesToBackground(args: readonly string[]): boolean {
  return args.some((word) => /^--?daemonize$/.test(word));
}

/**
 * Returns the ID of the process that has the file open. If helpers that QEMU started have the file open too, returns
 * the ID of their parent. Returns undefined if there is no such process.
 */
function heir(file: string): number | undefined {
  const holders = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && hasOpen(name, file))
    .map(Number);
  return holders.find((pid) => !holders.includes(parentOf(pid)));
}

function hasOpen(pid: string, file: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === file);
  } catch {
    return false; // the process has ended, or belongs to another user
  }
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return 0;
  }
}

function pidInFile(args: readonly string[]): number | undefined {
  const index = args.findLastIndex((word) => /^--?pidfile$/.test(word));
  try {
    const pid = Number(readFileSync(args[index + 1] ?? '', 'utf8'));
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
