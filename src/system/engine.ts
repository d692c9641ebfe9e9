// The engine as JavaScript sees it: its settings, its verbs and its events. native.ts loads the addon that has it.

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
   * An endpoint has ended: a TAP was deleted, a stream has ended (EPIPE) or sent an invalid length (EBADMSG), or a
   * guest has violated the rules of vhost-user (EPROTO, with the name of a reason and its text). The engine no longer
   * reads from it; the receiver of this event must detach it.
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

/**
 * Lost events by kind: notices about endpoints, BPDUs, addresses that moved or flapped, addresses learned or forgotten,
 * captured frames.
 */
export type EventsLost = Record<'notice' | 'bpdu' | 'mac_moved' | 'mac' | 'frame', bigint>;

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
  /**
   * A connected datagram socket: each datagram is a frame. With `smallBuffer`, the kernel holds at most 80 KiB for a
   * peer that does not read, otherwise 416 KiB.
   */
  | { kind: 'datagram'; fd: number; smallBuffer?: boolean }
  | { kind: 'tap'; fd: number }
  /**
   * A connected stream socket: each frame follows its length. Without `padding`, short frames are sent to the peer
   * without their padding.
   */
  | { kind: 'stream'; fd: number; padding: boolean }
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
