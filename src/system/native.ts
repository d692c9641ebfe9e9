// The door to C++: loads and types the addon. No other file does.
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

/** How the engine forwards and forgets; every field may be changed while it runs. Times are whole seconds. */
export interface EngineSettings {
  /** true: every frame goes to every other port; false: learn addresses (802.1D-2004, 7.7 to 7.9). */
  hub: boolean;
  /** true: tags of a VLAN that was never created are refused; false: they are payload of the port's own VLAN. */
  strictVlan: boolean;
  /** Frames to 01:80:c2:00:00:00 come as events and are not forwarded. */
  takesBpdus: boolean;
  /** Every frame that comes or leaves is an event too. For looking, not for speed. */
  capture: boolean;
  /** Addresses kept at most; a new one then takes the place of the fullest port's oldest. */
  macLimit: number;
  /** An address silent for longer is forgotten. */
  expireSeconds: number;
  /** How often forgotten addresses are looked for; 0 or less: never. */
  gcIntervalSeconds: number;
  /** An address moves to another port only after this long a silence on the old one. */
  minPersistenceSeconds: number;
  /** How long a source whose only destination is full is left unread, at most; 0: what it sends is dropped at once. */
  pacingMs: number;
  /** How long the thread looks for more frames before it sleeps; 0: not at all. */
  busyPollUs: number;
}

export type EngineEvent =
  /** The descriptor is of no use any more (a TAP was deleted, a stream has ended: EPIPE, or EBADMSG for a length that no frame has); the engine has stopped polling it. Detach it. */
  | { type: 'endpoint-failed'; port: number; endpoint: number; errno: number }
  /** An address was seen on another port than the one it is held for. At most one event a second. */
  | { type: 'mac-seen-elsewhere'; mac: string; vlan: number; from: number; to: number }
  /** While watchMacs() is on. */
  | { type: 'mac-added' | 'mac-removed'; mac: string; vlan: number; port: number }
  /** Without a tag, at most 128 bytes; at most 256 a second and port. */
  | { type: 'bpdu'; port: number; vlan: number; bytes: Buffer }
  | { type: 'frame-received' | 'frame-transmitted'; port: number; bytes: Buffer };

/** Lost events by kind: BPDUs, addresses seen elsewhere, addresses learned or forgotten, captured frames. */
export type EventsLost = Record<'bpdu' | 'mac_seen_elsewhere' | 'mac' | 'frame', bigint>;

/** A learned address. */
export interface MacEntry {
  /** Six lower-case hex bytes, `02:00:00:00:00:01`. */
  mac: string;
  /** The VLAN in which the address was learned. */
  vlan: number;
  /** The port that the address was last seen on. */
  port: number;
  /** Whole seconds since the last frame from the address. */
  ageSeconds: number;
}

/** How full the MAC table is, and what has happened in it since the switch was made. */
export interface MacStats {
  /** Addresses in the table. */
  entries: number;
  /** Addresses that the table may hold; see SwitchOptions.macLimit. */
  limit: number;
  /** Times an address moved to another port. */
  moves: bigint;
  /** Addresses that were removed because the table was full. */
  evictions: bigint;
}

/** One row a port, `counterNames.length` values a row, in that order. */
export interface NativeCounters {
  ports: Uint32Array;
  values: BigUint64Array;
}

/** What frames come and go by; `fd` is non-blocking. */
export type Transport =
  /** A connected datagram socket: one datagram, one frame. */
  | { kind: 'datagram'; fd: number }
  | { kind: 'tap'; fd: number }
  /** A connected stream socket: each frame behind its length. */
  | { kind: 'stream'; fd: number }
  /** A bound datagram socket and the one it is for, as openUdp() and openUnixPeer() make them; `also` are that one's other names. */
  | { kind: 'peer'; fd: number; peer: Uint8Array; also: readonly Uint8Array[] }
  | { kind: 'multicast'; fd: number; senderFd: number };

/** The engine: one thread that moves frames. Every call returns once the thread has done it (microseconds). */
export interface NativeEngine {
  configure(settings: Partial<EngineSettings>): void;
  /** Keeps the thread on one CPU, from 0. Throws with errno `code` where it may not run there. */
  placeOnCpu(cpu: number): void;
  /** Ports are numbered places and hold counters; they forward only while an endpoint is attached. */
  addPort(port: number): void;
  removePort(port: number): void;
  /** The engine owns and closes the descriptors from here on, also when this throws. `queueFrames` bounds what waits for a slow peer. */
  attach(port: number, endpoint: number, transport: Transport, queueFrames: number): void;
  detach(port: number, endpoint: number): void;
  setVlanCreated(vlan: number, created: boolean): void;
  /** 4095: the port takes and gives no untagged frames. The port leaves its old untagged VLAN. A new port has VLAN 0. */
  setUntaggedVlan(port: number, vlan: number): void;
  setMember(port: number, vlan: number, member: boolean): void;
  /** Nothing but BPDUs enters, nothing at all leaves but by send(). */
  setDiscarding(port: number, vlan: number, discarding: boolean): void;
  /** A whole frame, by that port alone. */
  send(port: number, frame: Uint8Array): void;
  /** Whether addresses that come and go are events. */
  watchMacs(wanted: boolean): void;
  /** Returns how many events found no place to wait in, by kind. The end of an endpoint always has one. */
  eventsLost(): EventsLost;
  counters(): NativeCounters;
  resetCounters(port: number): void;
  macEntries(): MacEntry[];
  macStats(): MacStats;
  /** The port that a MAC address, six bytes, was learned on in a VLAN; undefined if it is not in the table. */
  portOf(mac: Uint8Array, vlan: number): number | undefined;
  /** Forgets what was learned on `port`, in `vlan`, or everything. Returns how many entries went. */
  flushMacs(port?: number, vlan?: number): number;
  /** Ends the thread and closes every descriptor; idempotent. */
  close(): void;
}

/** A client's end of a data socket: one datagram, one frame. Lives on Node's own loop. */
export interface NativeFrameSocket {
  /** How many of `frames` the kernel took, in order; fewer than given means its buffer is full. */
  send(frames: readonly Uint8Array[]): number;
  /** While paused, frames wait in the kernel, as with a program that does not read. */
  pause(): void;
  resume(): void;
  close(): void;
}

export interface NativeAddress {
  address: string;
  port: number;
}

export interface NativeAccount {
  name: string;
  id: number;
}

export interface NativeAddon {
  Engine: new (settings: EngineSettings, onEvent: (event: EngineEvent) => void) => NativeEngine;
  /** `onDrain`: there is room again after send() took fewer than it was given. */
  FrameSocket: new (
    fd: number,
    onFrames: (frames: Buffer[]) => void,
    onDrain?: () => void,
  ) => NativeFrameSocket;
  counterNames: readonly string[];

  /**
   * A non-blocking unix datagram socket, bound to `path` and connected to `peer` (a whole sockaddr_un, 110 bytes, taken as it is).
   * Returns its descriptor; throws an Error with errno `code` and `syscall`, and leaves no file behind.
   */
  openDatagram(path: string, peer: Uint8Array | null): number;
  /** Addresses in digits, both of one family; `localPort` is the bound one. Throws with errno `code` and `syscall`. */
  openUdp(local: NativeAddress, peer: NativeAddress): { fd: number; peer: Buffer; localPort: number };
  /** Paths, or abstract names behind a NUL. A file at `local` that nobody serves any more is replaced. */
  openUnixPeer(local: string, peer: string): { fd: number; peer: Buffer };
  /** A member of an IPv4 group, on the interface that has `localAddress`, or by route where that is 0.0.0.0. */
  openMulticast(group: NativeAddress & { localAddress: string; ttl: number }): { fd: number; senderFd: number };
  /** Stream sockets by a path, or by an abstract name behind a NUL, of just these bytes. */
  listenUnix(name: string): number;
  connectUnix(name: string): number;
  /** Another descriptor of the same, which Node does not know of. */
  duplicate(fd: number): number;
  /** One datagram to a unix socket's path, or to the abstract name behind an `@`. Never waits. */
  sendDatagram(path: string, text: string): void;
  /** Two unix datagram sockets connected to each other, the first non-blocking; `bufferBytes` may wait in each. */
  datagramPair(bufferBytes: number): [number, number];
  connectDatagram(fd: number, peer: Uint8Array): void;
  /**
   * Opens /dev/net/tun and attaches to, or creates, the TAP, with one queue; with offloads, where it can be. Throws with errno `code`;
   * `syscall` is `open` or `TUNSETIFF`.
   */
  openTap(name: string, offloads: boolean): { fd: number; name: string; multiQueue: boolean };
  closeDescriptor(fd: number): void;
  /** Where this process stands at the terminal `fd`; `gone` after a hang-up. */
  terminalStanding(fd: number): 'foreground' | 'background' | 'gone';
  /** From now on SIGTTIN and SIGTTOU do not stop the process: a read in the background fails with EIO, a write succeeds. */
  ignoreTerminalStops(): void;
  /** Of the whole process; returns what it was. */
  setUmask(mask: number): number;

  /** SO_PEERCRED: who connected, as the kernel knows it. */
  peerCredentials(fd: number): { pid: number; uid: number; gid: number };
  /** libc's words for an errno number. */
  strerror(errno: number): string;
  userByName(name: string): NativeAccount | null;
  userById(uid: number): NativeAccount | null;
  groupByName(name: string): NativeAccount | null;
  groupById(gid: number): NativeAccount | null;
  /** Is `gid` the user's primary group or one that lists them? */
  isMember(uid: number, gid: number): boolean;

  /** What /proc and ps show as the arguments; without effect where they are longer than those the process was started with. */
  setArguments(argv: readonly Buffer[]): void;
  /** prctl(PR_SET_NAME): the name that ps and pidof show; argv is untouched. */
  setProcessName(name: string): void;
  /**
   * Becomes another program: same pid, stdio and environment. Signal dispositions and blocking modes that Node changed are put back,
   * `keep` loses its close-on-exec flag. Returns only by throwing.
   */
  execute(
    file: string,
    argv: readonly Buffer[],
    keep: readonly number[],
    ignoredSignals: bigint,
    openFiles: number | undefined,
  ): never;
  /** Starts another program as execute() becomes one, and waits for its end: nothing else happens meanwhile. */
  run(
    file: string,
    argv: readonly Buffer[],
    keep: readonly number[],
    ignoredSignals: bigint,
    openFiles: number | undefined,
  ): { code: number; signal?: number };
  /** By _exit(2), or of a signal's default, with the blocking modes of stdio that Node changed put back. */
  endProcess(exitCode: number, signal: number | undefined): never;
}

const require = createRequire(import.meta.url);

export const native: NativeAddon = require('../../native/build/Release/tsvde.node');

/** The user-mode stack, a program of its own. */
export const slirpProgram = fileURLToPath(new URL('../../native/build/Release/tsvde-slirp', import.meta.url));

/** The number of a stream's descriptor, which Node does not expose; -1 once it is closed. SO_PEERCRED and dup(2) need it. */
export function descriptorOf(stream: Socket): number {
  return (stream as unknown as { _handle?: { fd: number } })._handle?.fd ?? -1;
}
