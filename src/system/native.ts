// Loads the addon and declares its types. No other file loads it.
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { addonPath, binaries, cannotLoad, otherVersion } from './binaries.ts';
import { TSVDE_VERSION } from './version.ts';

/** How the engine forwards frames and forgets addresses. All fields but macLimit can be changed while it runs. */
export interface EngineSettings {
  /** true: each frame is sent to all other ports; false: the switch learns addresses (802.1D-2004, 7.7 to 7.9). */
  hub: boolean;
  /**
   * The treatment of frames tagged with a VLAN that was never created. true: they are dropped; false: they are
   * forwarded in the port's own VLAN, with the tag as payload.
   */
  strictVlan: boolean;
  /** Whether frames to 01:80:c2:00:00:00 become events instead of being forwarded. */
  takesBpdus: boolean;
  /** Whether each frame received or transmitted is also an event. Capturing is slow and meant for diagnosis. */
  capture: boolean;
  /** The most memory, in bytes, for the waiting frames of all queues together. */
  queueMemory: number;
  /**
   * The most addresses in the table. When it is full, a new address evicts the oldest address of the port with the most
   * addresses.
   */
  macLimit: number;
  /** Seconds of silence after which an address ages out. */
  expireSeconds: number;
  /** Seconds between two searches for addresses that have aged out; with 0 or less, no address ages out. */
  gcIntervalSeconds: number;
  /**
   * The period, in seconds, in which an address may move to another port at most four times. After four moves, the
   * address stays on its port until the period ends. 0 or less means no limit.
   */
  minPersistenceSeconds: number;
  /**
   * The longest time in milliseconds that a source is paused while its only destination is full; 0: frames are dropped
   * instead.
   */
  pacingMs: number;
  /**
   * How many microseconds the thread polls for more frames before it sleeps; 0: it does not poll; 'auto': as long as
   * polling pays.
   */
  busyPollUs: number | 'auto';
}

export type EngineEvent =
  /**
   * An endpoint has ended: a TAP was deleted, a stream has ended (EPIPE) or sent an invalid length (EBADMSG), or a guest
   * has violated the rules of vhost-user (EPROTO, with the name of a reason and its text). The engine no longer reads from
   * it; the receiver of this event must detach it.
   */
  | { type: 'endpoint-ended'; port: number; endpoint: number; errno: number; reason?: string; text?: string }
  /** A sentence about an endpoint for the log; at most one for each endpoint. */
  | { type: 'endpoint-notice'; port: number; endpoint: number; text: string }
  /**
   * The output of a capture is complete (errno 0) or can no longer be written. The receiver of this event must remove
   * the capture.
   */
  | { type: 'capture-ended'; capture: number; errno: number }
  /**
   * An address moved to another port. In each second there is at most one such event for addresses that had not moved
   * shortly before, and at most one for addresses that had.
   */
  | { type: 'mac-moved'; mac: string; vlan: number; from: number; to: number }
  /**
   * An address was seen on `elsewhere`, but has moved so often that it stays on `port` for `seconds` seconds. There is
   * one event for that whole time, and at most one such event a second for all addresses together.
   */
  | { type: 'mac-flapping'; mac: string; vlan: number; port: number; elsewhere: number; seconds: number }
  /**
   * An address was learned, moved to another port, or was removed. `previous` is the port that the address was on
   * before. These events occur only after watchMacs(true).
   */
  | { type: 'mac-changed'; change: MacChange; mac: string; vlan: number; port: number; previous: number }
  /**
   * A BPDU was received; `bytes` has at most 128 bytes of it, without the VLAN tag. A port causes at most 256 of these
   * events a second, plus one for each of its VLANs.
   */
  | { type: 'bpdu'; port: number; vlan: number; bytes: Buffer }
  | { type: 'frame-received' | 'frame-transmitted'; port: number; bytes: Buffer };

/**
 * Why an entry of the MAC table has changed. An address is evicted because the table is full, and forgotten because its
 * port, its VLAN or a command required the removal.
 */
export type MacChange = 'added' | 'moved' | 'aged-out' | 'evicted' | 'forgotten';

/** Lost events by kind: BPDUs, addresses that moved or flapped, addresses learned or forgotten, captured frames. */
export type EventsLost = Record<'bpdu' | 'mac_moved' | 'mac' | 'frame', bigint>;

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

/** The counters: one row for each port. A row has `counterNames.length` values, in the order of those names. */
export interface NativeCounters {
  ports: Uint32Array;
  values: BigUint64Array;
}

/** The descriptors of an endpoint; `fd` is non-blocking. */
export type Transport =
  /** A connected datagram socket: each datagram is a frame. */
  | { kind: 'datagram'; fd: number }
  | { kind: 'tap'; fd: number }
  /** A connected stream socket: each frame follows its length. */
  | { kind: 'stream'; fd: number }
  /**
   * A bound datagram socket and the address of its peer, from openUdp() or openUnixPeer(). `also` has other names of
   * the peer.
   */
  | { kind: 'peer'; fd: number; peer: Uint8Array; also: readonly Uint8Array[] }
  | { kind: 'multicast'; fd: number; senderFd: number }
  /**
   * A unix socket that is connected to a vhost-user front end. `offload` allows unsegmented datagrams and incomplete
   * checksums in frames to the guest. `sealed` refuses memory that can be truncated.
   */
  | { kind: 'vhost-user'; fd: number; offload: boolean; sealed: boolean };

/** A guest whose memory the engine accesses. */
export interface NativeGuest {
  port: number;
  endpoint: number;
  /** The virtio features that its driver accepted, as bits; 0 while it has no driver. */
  features: bigint;
  /** The size of the mapped memory. */
  memoryBytes: bigint;
}

/** A capture: the engine writes frames as pcapng blocks to a descriptor. */
export interface NativeCapture {
  /** The descriptor of a regular file, a non-blocking pipe, or a stream socket. */
  fd: number;
  /** The captured ports. An empty array selects all ports. */
  ports: readonly number[];
  direction: Direction;
  snapLength: number;
  /** Whether frames that are dropped are captured too, each with a comment that names the reason. */
  drops: boolean;
  /** The number of frames after which the capture finishes; 0 means no limit. */
  count: number;
  /** A classic BPF program. Each instruction is four words: its code, its two jump offsets and its operand. */
  filter?: Uint32Array;
  /** The name of the program that writes the capture, for the file's header. */
  application: string;
}

/** A mirror: the engine copies frames to a port. */
export interface NativeMirror {
  /** The mirrored ports. An empty array selects all ports, but only the frames of `vlan`. */
  ports: readonly number[];
  vlan: number;
  direction: Direction;
}

/** `rx` selects the frames that the switch receives from a port, `tx` the frames that the switch sends to it. */
export type Direction = 'rx' | 'tx' | 'both';

export interface NativeCaptureStats {
  frames: bigint;
  bytes: bigint;
  lost: bigint;
  finishing: boolean;
  ended: boolean;
  errno: number;
}

/**
 * The engine: a thread that moves frames. Each call waits until the thread has carried it out, which takes
 * microseconds.
 */
export interface NativeEngine {
  configure(settings: Partial<EngineSettings>): void;
  /** Keeps the thread on a CPU, numbered from 0. Throws an Error with errno `code` if the thread may not run there. */
  placeOnCpu(cpu: number): void;
  /** Adds a port: a numbered place with counters. It forwards only while it has an endpoint. */
  addPort(port: number): void;
  removePort(port: number): void;
  /**
   * Attaches an endpoint. The engine owns its descriptors from here on, even if this throws. At most `queueFrames`
   * frames wait for a slow peer.
   */
  attach(port: number, endpoint: number, transport: Transport, queueFrames: number): void;
  detach(port: number, endpoint: number): void;
  setVlanCreated(vlan: number, created: boolean): void;
  /**
   * Sets the port's untagged VLAN, and removes the port from the previous one. A new port has VLAN 0. With 4095 the
   * port has no untagged VLAN.
   */
  setUntaggedVlan(port: number, vlan: number): void;
  setMember(port: number, vlan: number, member: boolean): void;
  /**
   * Sets whether the port is blocked in the VLAN. Only BPDUs are accepted from a blocked port, and only send() sends to
   * it.
   */
  setDiscarding(port: number, vlan: number, discarding: boolean): void;
  /** Sends a complete frame to `port` only. */
  send(port: number, frame: Uint8Array): void;
  /** Sets whether learning, moving and removing an address are events. */
  watchMacs(wanted: boolean): void;
  /**
   * Begins a capture, whose number the caller chooses. Passes ownership of the descriptor to the engine, even when this
   * method throws. Throws an Error with errno `code` if the descriptor cannot be written, and a TypeError if the filter
   * is not a valid program.
   */
  addCapture(capture: number, settings: NativeCapture): void;
  /**
   * Sets the name and the description of a port's interface in the file. Has no effect once the file has the interface.
   * With `now` the interface is written at once, otherwise before the port's first frame.
   */
  describeCaptured(capture: number, port: number, name: string, description: string, now: boolean): void;
  /** Returns undefined if there is no such capture. */
  captureStats(capture: number): NativeCaptureStats | undefined;
  /**
   * Makes the capture take no more frames. The event `capture-ended` follows when all frames are written. A second call
   * has no effect.
   */
  finishCapture(capture: number): void;
  /**
   * Removes a capture and closes its descriptor. Before the event `capture-ended`, this call may wait for a file's
   * disk.
   */
  removeCapture(capture: number): void;
  /**
   * Begins a mirror, whose number the caller chooses, to the port `to`, which from then on is sent copies only. Throws
   * an Error with errno `code` if the port does not exist.
   */
  addMirror(mirror: number, settings: NativeMirror, to: number): void;
  /** Returns how many frames a mirror has copied. */
  mirroredFrames(mirror: number): bigint;
  removeMirror(mirror: number): void;
  /** Returns how many events were lost because their queue was full, by kind. The end of an endpoint is never lost. */
  eventsLost(): EventsLost;
  counters(): NativeCounters;
  resetCounters(port: number): void;
  /** Returns the guests that are connected by vhost-user, in order of port number. */
  guests(): NativeGuest[];
  macEntries(): MacEntry[];
  macStats(): MacStats;
  /** Returns the port on which a MAC address, six bytes, was learned in a VLAN; undefined if it is not in the table. */
  portOf(mac: Uint8Array, vlan: number): number | undefined;
  /**
   * Forgets the addresses of `port`, of `vlan` or, if both are given, of `port` in `vlan`; if neither is given, all
   * addresses. Returns how many were removed.
   */
  flushMacs(port?: number, vlan?: number): number;
  /**
   * Asks the thread for an answer, unless it has given one within the last second, and does not wait. Returns for how
   * many milliseconds the last question has been unanswered; undefined if it is answered.
   */
  unansweredMs(): number | undefined;
  /** Ends the thread and closes all descriptors; idempotent. */
  close(): void;
}

/** The client's end of a data socket, on which each datagram is a frame. Node's event loop serves it. */
export interface NativeFrameSocket {
  /**
   * Returns how many of `frames`, from the first on, the kernel accepted. Fewer than all means that the kernel's buffer
   * is full.
   */
  send(frames: readonly Uint8Array[]): number;
  /** Stops reading: frames then wait in the kernel. */
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
  /** The version of tsvde that the addon was built for. */
  version: string;
  /**
   * While a call waits for the thread, `onLongWait` is called every 2 seconds, with the seconds that the call has
   * waited so far. `onLongWait` must not use the engine.
   */
  Engine: new (
    settings: EngineSettings,
    onEvent: (event: EngineEvent) => void,
    onLongWait?: (seconds: number) => void,
  ) => NativeEngine;
  /** `onDrain` is called when there is room again, after send() has taken fewer frames than it was given. */
  FrameSocket: new (
    fd: number,
    onFrames: (frames: Buffer[]) => void,
    onDrain?: () => void,
  ) => NativeFrameSocket;
  counterNames: readonly string[];
  /** Returns whether `program`, in the format of NativeCapture.filter, is valid, so that addCapture() accepts it. */
  isValidFilter(program: Uint32Array): boolean;

  /**
   * Opens a non-blocking unix datagram socket, bound to `path` and connected to `peer` (a whole sockaddr_un of 110
   * bytes). Returns its descriptor. On failure it throws an Error with errno `code` and `syscall`, and leaves no file
   * behind.
   */
  openDatagram(path: string, peer: Uint8Array | null): number;
  /**
   * Opens a UDP socket. Addresses are numeric and of one family; `localPort` is the bound port. Throws an Error with
   * errno `code` and `syscall`.
   */
  openUdp(local: NativeAddress, peer: NativeAddress): { fd: number; peer: Buffer; localPort: number };
  /**
   * Opens a unix datagram socket bound to `local`. Names are paths, or abstract names after a NUL. A stale socket file
   * at `local` is replaced.
   */
  openUnixPeer(local: string, peer: string): { fd: number; peer: Buffer };
  /**
   * Joins an IPv4 multicast group on the interface that has `localAddress`; for 0.0.0.0 the routing table selects the
   * interface.
   */
  openMulticast(group: NativeAddress & { localAddress: string; ttl: number }): { fd: number; senderFd: number };
  /**
   * Opens a listening stream socket. The name is a path, or an abstract name after a NUL, which is not padded with
   * further NULs.
   */
  listenUnix(name: string): number;
  connectUnix(name: string): number;
  /** Binds a TCP or UDP socket that does not listen yet. A socket with an IPv6 address does not accept IPv4. */
  bindInternet(protocol: 'tcp' | 'udp', address: NativeAddress): number;
  /** Sends a descriptor over a unix datagram socket, as tsvde-slirp receives it. The caller keeps the descriptor. */
  sendDescriptor(channel: number, fd: number): void;
  /** Returns a duplicate of a descriptor. Node does not know of the duplicate. */
  duplicate(fd: number): number;
  /** Sends a datagram to a unix socket by its path, or by its abstract name after an `@`. Does not block. */
  sendDatagram(path: string, text: string): void;
  /** Opens two connected unix datagram sockets with send buffers of `bufferBytes`. The first is non-blocking. */
  datagramPair(bufferBytes: number): [number, number];
  connectDatagram(fd: number, peer: Uint8Array): void;
  /**
   * Opens one queue of the TAP through /dev/net/tun, creating the TAP if it does not exist. Offloads are enabled if
   * asked for and possible. Throws an Error with errno `code`; `syscall` is `open` or `TUNSETIFF`.
   */
  openTap(name: string, offloads: boolean): { fd: number; name: string; multiQueue: boolean };
  closeDescriptor(fd: number): void;
  /**
   * Keeps SIGTTIN and SIGTTOU from stopping the process from now on. A read in the background then fails with EIO; a
   * write succeeds.
   */
  ignoreTerminalStops(): void;
  /** Sets the umask of the process and returns the old one. */
  setUmask(mask: number): number;

  /**
   * Keeps at most the capabilities `kept`, by their numbers, in every thread. Programs that are started later can have
   * at most those in `passedOn`. Also sets no_new_privs. The process gets no capability that it does not have.
   */
  dropPrivileges(kept: readonly number[], passedOn: readonly number[]): void;
  /**
   * Becomes another user and group in every thread. The groups become those of the user. Permitted capabilities are
   * kept, but have no effect before dropPrivileges(). Throws an Error with errno `code`.
   */
  becomeUser(uid: number, gid: number): void;
  /** Returns undefined for a user who is not in the account database. */
  primaryGroup(uid: number): number | undefined;
  /** Returns whether the main thread has this capability now. */
  hasCapability(number: number): boolean;
  /** Throws an Error with errno `code` unless the process, as its effective user, may read and write the file. */
  checkReadWrite(path: string): void;

  /** Returns the identity of the process that connected, as recorded by the kernel (SO_PEERCRED). */
  peerCredentials(fd: number): { pid: number; uid: number; gid: number };
  userByName(name: string): NativeAccount | null;
  userById(uid: number): NativeAccount | null;
  groupByName(name: string): NativeAccount | null;
  groupById(gid: number): NativeAccount | null;
  /** Returns whether `gid` is the user's primary group or has the user as a member. */
  isMember(uid: number, gid: number): boolean;

  /** Sets the arguments that /proc and ps show. Has no effect if they are longer than the original ones. */
  setArguments(argv: readonly Buffer[]): void;
  /**
   * Executes another program in this process, with the same stdio and environment. Restores the signal dispositions,
   * the blocking modes and, if `openFiles` is given, the soft limit of open files, all of which Node has changed. The
   * program gets the descriptors in `keep` and those that this process has inherited. Does not return on success, and
   * throws on failure.
   */
  execute(
    file: string,
    argv: readonly Buffer[],
    keep: readonly number[],
    ignoredSignals: bigint,
    openFiles: number | undefined,
  ): never;
  /** Starts another program in the same way as execute(), and blocks until it ends. */
  run(
    file: string,
    argv: readonly Buffer[],
    keep: readonly number[],
    ignoredSignals: bigint,
    openFiles: number | undefined,
  ): { code: number; signal?: number };
  /**
   * Ends the process by _exit(2), or by a signal's default action. Restores the blocking modes of stdio that Node has
   * changed.
   */
  endProcess(exitCode: number, signal: number | undefined): never;
}

/** The numbers of capabilities(7), from the kernel's include/uapi/linux/capability.h. */
export const CAPABILITIES = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  NET_BIND_SERVICE: 10,
  NET_ADMIN: 12,
} as const;

const require = createRequire(import.meta.url);
let loaded: NativeAddon | undefined;

/**
 * Loads the addon. A program calls this once its options are parsed, and before it writes or opens anything: the addon
 * records which descriptors this process has inherited and whether its standard streams block. Throws ExitError with
 * the reason and the remedy if the addon is missing or unusable.
 */
export function loadAddon(): NativeAddon {
  if (loaded) return loaded;
  const path = addonPath();
  let addon: NativeAddon;
  try {
    addon = require(path) as NativeAddon;
  } catch (error) {
    throw cannotLoad(path, (error as Error).message);
  }
  if (addon.version !== TSVDE_VERSION) throw otherVersion(path, addon.version);
  loaded = addon;
  return addon;
}

export function isAddonLoaded(): boolean {
  return loaded !== undefined;
}

/** The addon, loaded at its first use, so that programs that do not need it start without it. */
export const native = new Proxy({} as NativeAddon, {
  get: (_, name) => loadAddon()[name as keyof NativeAddon],
});

/** Returns the path of a helper program: the user-mode stack, or the compiler of captures' filters. */
export function helperProgram(name: 'tsvde-slirp' | 'tsvde-filter'): string {
  return join(binaries(), name);
}

/**
 * Returns a stream's descriptor, for SO_PEERCRED and dup(2), since Node does not expose it; -1 once the stream is
 * closed.
 */
export function descriptorOf(stream: Socket): number {
  return (stream as unknown as { _handle?: { fd: number } })._handle?.fd ?? -1;
}
