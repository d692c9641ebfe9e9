// Loads the addon and declares its types; those of the engine are in engine.ts. No other file loads the addon.
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { addonPath, binaries, cannotLoad, otherVersion } from './binaries.ts';
import type { EngineEvent, EngineSettings, NativeEngine } from './engine.ts';
import { TSVDE_VERSION } from './version.ts';

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
  /**
   * Returns false if the other end of a pipe, socket or terminal is closed, or the descriptor is. Of a regular file,
   * always returns true.
   */
  hasReader(fd: number): boolean;
  /** Sets the umask of the process and returns the old one. */
  setUmask(mask: number): number;

  /**
   * Keeps at most the capabilities `kept`, by their numbers, in every thread. Programs that are started later can have
   * at most those in `passedOn`, which only the first call decides. Also sets no_new_privs. The process gets no
   * capability that it does not have.
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
   * Starts a program in a session of its own, with /dev/null as its standard streams and the writing end of a pipe as
   * descriptor 3. Blocks until the program has closed that descriptor or has ended. Returns what it wrote there.
   */
  spawnDaemon(file: string, argv: readonly Buffer[]): { pid: number; report: string };
  /** Sends SIGTERM to a program that spawnDaemon() has started, and blocks until it has ended. */
  endDaemon(pid: number): { code: number; signal?: number };
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

let loaded: NativeAddon | undefined;

/**
 * Loads the addon. A program calls this once its options are parsed, and before it writes or opens anything: the addon
 * records which descriptors this process has inherited and whether its standard streams block. Throws ExitError with
 * the reason and the remedy if the addon is missing or unusable.
 */
export function loadAddon(): NativeAddon {
  if (loaded) return loaded;
  const path = addonPath();
  const module = { exports: {} as NativeAddon };
  try {
    process.dlopen(module, path);
  } catch (error) {
    throw cannotLoad(path, (error as Error).message);
  }
  const addon = module.exports;
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
