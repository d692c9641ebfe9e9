// The MAC addresses of a guest's NICs: the same at each start of the same guest, and different between guests. A NIC's
// address comes from a series that is made of hashes: it is the first address that no other guest on this host uses. An
// address is reserved by an abstract unix socket that is named after the address and that QEMU inherits. This needs no
// file, works between users, and the kernel frees the name when QEMU ends.
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
// node:crypto takes a third of the time of `node -e 0` to load, and code of our own for a hash needs its own review.
import { sha256 } from '@noble/hashes/sha2.js';
import { SwitchError } from '../protocol/errors.ts';
import { parseMac } from '../protocol/mac.ts';
import { native } from '../system/native.ts';

const PREFIX = '52:54:00';
/** The beginning of the addresses that QEMU itself assigns, from 52:54:00:12:34:56 on. */
const QEMUS_OWN = `${PREFIX}:12:34:`;
const ATTEMPTS = 1000;
const MACHINE_IDS = ['/etc/machine-id', '/var/lib/dbus/machine-id'];

export interface AddressOptions {
  /** Words that distinguish the guest from the user's other guests. */
  identity: readonly string[];
  /** Whether addresses are reserved; if not, each is the first of its series. */
  hold: boolean;
  machine?: string;
  uid?: number | undefined;
}

export class Addresses {
  readonly #seed: readonly unknown[];
  readonly #hold: boolean;
  readonly #taken = new Set<string>();
  /** The descriptors of the reserved addresses, for QEMU to inherit. */
  readonly descriptors: number[] = [];

  constructor({ identity, hold, machine = machineId(), uid = process.geteuid?.() }: AddressOptions) {
    this.#seed = [machine, uid, ...identity];
    this.#hold = hold;
  }

  /** Records that an address is in use. The user chose this address, and must make sure that it is unique. */
  use(text: string): void {
    try {
      this.#take(parseMac(text));
    } catch (error) {
      if (!(error instanceof SwitchError)) throw error; // QEMU reports an invalid address itself
    }
  }

  /**
   * Returns the address for the guest's NIC with this number. Throws SwitchError EADDRINUSE if all addresses of its
   * series are in use.
   */
  next(nic: number): string {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const mac = addressOf([...this.#seed, nic, attempt]);
      if (!mac.startsWith(QEMUS_OWN) && this.#take(mac)) return mac;
    }
    throw new SwitchError('EADDRINUSE', 'other guests use all addresses of this one: give each NIC a macaddr=');
  }

  #take(mac: string): boolean {
    if (this.#taken.has(mac) || (this.#hold && !this.#lock(mac))) return false;
    this.#taken.add(mac);
    return true;
  }

  /**
   * Reserves an address. Returns false if another process has it, and true otherwise: other errors are ignored, since a
   * system that forbids such sockets must not prevent the start.
   */
  #lock(mac: string): boolean {
    try {
      this.descriptors.push(native.listenUnix(`\0tsvde-mac-${mac}`));
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'EADDRINUSE';
    }
  }
}

function addressOf(words: readonly unknown[]): string {
  const hash = Buffer.from(sha256(Buffer.from(JSON.stringify(words)))).toString('hex');
  return [PREFIX, hash.slice(0, 2), hash.slice(2, 4), hash.slice(4, 6)].join(':');
}

/** Returns an identifier of this machine: systemd's machine ID, or otherwise the host name. */
function machineId(): string {
  for (const path of MACHINE_IDS) {
    try {
      const id = readFileSync(path, 'utf8').trim();
      if (/^[0-9a-f]{32}$/.test(id)) return id;
    } catch {} // try the next file
  }
  return hostname();
}
