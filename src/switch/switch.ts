// The switch of the library: the native engine and the parts that configure it, opened and closed together. Frames are
// forwarded in C++; only BPDUs, the frames of plugs and copies for listeners reach JavaScript.
import { EventEmitter } from 'node:events';
import { basename } from 'node:path';
import { type Attachment, Attachments } from '../backends/attachments.ts';
import { parsePortRequest } from '../backends/kinds.ts';
import type { SpecObject } from '../backends/specs.ts';
import { Control, type ControlInfo, type ListenOptions, type PrepareOther } from '../control/control.ts';
import { DEFAULT_PRIORITY } from '../fstp/machine.ts';
import type { Plug } from '../plug/plug.ts';
import { SwitchError } from '../protocol/errors.ts';
import { parseMac } from '../protocol/mac.ts';
import type { EventsLost, NativeEngine } from '../system/engine.ts';
import type { Log, LogFields, LogLevel } from '../system/log.ts';
import { randomMac } from '../system/random.ts';
import { Capture } from './capture.ts';
import { Captures } from './captures.ts';
import { type PortCounters, portCounters } from './counters.ts';
import type { EndpointEnds } from './ends.ts';
import { EngineEvents } from './engine-events.ts';
import { EventFeed } from './event-feed.ts';
import type { SwitchEvent } from './events.ts';
import { type GuestInfo, guestsOf } from './guests.ts';
import { DEFAULT_MAC_TIMES, MacTable } from './mac-table.ts';
import { Mirrors } from './mirrors.ts';
import { type AttachOptions, checkAttachOptions, checkSwitchOptions, type SwitchOptions } from './options.ts';
import { type OwnPlugOptions, openPlug } from './own-plug.ts';
import { PortTable } from './port-table.ts';
import { Ports } from './ports.ts';
import { PortReservations } from './reservations.ts';
import { SpanningTrees } from './spanning-trees.ts';
import { startEngine } from './start-engine.ts';
import { placeOnCpu, timing } from './tuning.ts';
import { Vlans } from './vlans.ts';
import { SwitchWhereabouts } from './whereabouts.ts';

/** How long the engine's thread may take to answer before it counts as silent. */
const HEARTBEAT_LIMIT_MS = 2000;

/**
 * A virtual Ethernet switch. Programs join it by the VDE protocol after listen(), TAPs and other networks are attached
 * by attach(), and this program itself joins by plug(). A thread of its own forwards the frames. Only BPDUs and the
 * frames that a plug or a capture asks for reach JavaScript.
 *
 * Emits `log` with each log line, `event` with each event in the switch, and `close` once, when it is closed.
 */
export class Switch extends EventEmitter<{ log: Parameters<Log>; event: [event: SwitchEvent]; close: [] }> {
  /** The switch's own MAC address, `00:ff:…`. */
  readonly mac: string;
  /** The ports. */
  readonly ports: Ports;
  /** The VLANs. */
  readonly vlans: Vlans;
  /** The addresses that the switch has learned. */
  readonly macs: MacTable;
  /** The spanning trees. */
  readonly spanningTrees: SpanningTrees;
  /** Copies of the frames that ports receive and transmit. */
  readonly capture: Capture;
  /** Captures of frames to files. */
  readonly captures: Captures;
  /** The events of the switch, numbered. */
  readonly events: EventFeed;
  /** Copies of frames to ports. */
  readonly mirrors: Mirrors;
  readonly #engine: NativeEngine;
  readonly #reservations: PortReservations;
  readonly #engineEvents: EngineEvents;
  readonly #attachments: Attachments;
  readonly #name: string | undefined;
  readonly #startedAt = process.hrtime.bigint();
  #hub: boolean;
  #control: Control | undefined;
  /**
   * The functions that close consoles, metrics servers and plugs. close() calls them before it closes the switch,
   * latest first.
   */
  readonly #children = new Set<() => unknown>();
  #closed: Promise<void> | undefined;

  /** Makes a switch without clients. Throws SwitchError EINVAL for an option that is unknown or out of range. */
  constructor(options: SwitchOptions = {}) {
    super();
    checkSwitchOptions(options);
    const { hub = false, numPorts = 32, hashSize = 128, macLimit = 131_072, queueFrames = 256 } = options;
    const { strictVlan = false, fstp = false, priority = DEFAULT_PRIORITY } = options;
    this.#name = options.name;
    this.mac = options.mac === undefined ? randomMac('00:ff') : parseMac(options.mac);
    const tell = (event: SwitchEvent) => {
      this.emit('event', event);
      if (event.type === 'endpoint-removed') whereabouts.removed();
      if (event.type === 'endpoint-added' || event.type === 'endpoint-described') this.captures.portChanged(event.port);
    };
    const log: Log = (message, level, fields) => this.#log(message, level, fields);
    const table = new PortTable(
      numPorts,
      (port) => tell({ type: 'port-created', port }),
      (port, name) => tell({ type: 'port-named', port, name }),
      (port) => engine.addPort(port),
    );
    const engine = startEngine(
      { hub, strictVlan, takesBpdus: false, capture: false, macLimit, ...timing(options), ...DEFAULT_MAC_TIMES },
      (event) => this.#engineEvents.receive(event),
      (seconds) => log(`the engine has not answered for ${seconds} seconds, and the switch waits for it`, 'warning'),
    );
    this.#engine = engine;
    this.#hub = hub;
    this.macs = new MacTable(engine, hashSize, table);
    this.capture = new Capture(engine);
    this.captures = new Captures(engine, table, log);
    this.spanningTrees = new SpanningTrees(
      engine,
      { mac: this.mac, priority },
      (category, text) => tell({ type: 'spanning-tree', category, text }),
      (name) => table.number(name),
    );
    this.vlans = new Vlans(engine, table, this.spanningTrees, strictVlan, tell);
    this.events = new EventFeed({
      onEvent: (listener) => {
        this.on('event', listener);
        return () => this.off('event', listener);
      },
      watchMacs: () => this.macs.watch(),
      counters: () => this.counters(),
      eventsLost: () => this.eventsLost,
      nameOf: (port) => table.names.of(port),
    });
    this.mirrors = new Mirrors({ engine, table, vlans: this.vlans, spanningTrees: this.spanningTrees });
    this.#reservations = new PortReservations({
      engine,
      table,
      vlans: this.vlans,
      queueFrames,
      portChanged: (number, port) => this.spanningTrees.portChanged(number, port),
      tell,
    });
    this.ports = new Ports(table, this.#reservations);
    const whereabouts = new SwitchWhereabouts(engine, table);
    this.#attachments = new Attachments(this.#reservations, {
      directory: () => this.control?.directory,
      whereabouts,
      tell,
      log,
    });
    this.#engineEvents = new EngineEvents({
      table,
      reservations: this.#reservations,
      capture: this.capture,
      captures: this.captures,
      spanningTrees: this.spanningTrees,
      tell,
      log,
    });
    if (options.cpu !== undefined) placeOnCpu(engine, options.cpu);
    if (fstp && !hub) this.spanningTrees.switchOn();
  }

  /**
   * The switch's name: SwitchOptions.name, or else the base name of the control directory, or `tsvde` until the control
   * directory is bound.
   */
  get name(): string {
    return this.#name ?? basename(this.control?.directory ?? 'tsvde');
  }

  // --- Forwarding

  /** Whole seconds since the switch was made. */
  get uptimeSeconds(): number {
    return Number((process.hrtime.bigint() - this.#startedAt) / 1_000_000_000n);
  }

  /** The control directory, through which clients join; undefined until it is bound. */
  get control(): ControlInfo | undefined {
    return this.#control?.info;
  }

  /** Whether every frame is sent to every other port. Setting it to true switches spanning tree off. */
  get hub(): boolean {
    return this.#hub;
  }

  set hub(hub: boolean) {
    if (hub) this.spanningTrees.switchOff();
    this.#engine.configure({ hub });
    this.#hub = hub;
  }

  /**
   * How many events of the engine were lost because they were not read in time, by kind. Each kind has a queue of its
   * own.
   */
  get eventsLost(): EventsLost {
    return this.#engine.eventsLost();
  }

  /**
   * Asks the engine's thread for an answer, at most once a second. Resolves with 0 when it has answered, which usually
   * takes microseconds. If there is no answer within two seconds, resolves with the seconds for which the question has
   * been unanswered.
   */
  async heartbeat(): Promise<number> {
    const deadline = performance.now() + HEARTBEAT_LIMIT_MS;
    for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, 50)) {
      const unansweredMs = this.#engine.unansweredMs();
      if (unansweredMs === undefined) return 0;
      if (performance.now() > deadline || unansweredMs > HEARTBEAT_LIMIT_MS) return unansweredMs / 1000;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  // --- Counters

  /** Returns a snapshot of the counters of all existing ports, in order of port number. */
  counters(): PortCounters[] {
    return portCounters(this.#engine.counters());
  }

  /** Returns how many endpoints have ended by themselves, by kind and reason. */
  endpointEnds(): EndpointEnds[] {
    return this.#engineEvents.ends();
  }

  /** Returns the guests that are connected by vhost-user, in order of port number. */
  guests(): GuestInfo[] {
    return guestsOf(this.#engine.guests());
  }

  /**
   * Sets the counters of one port, or of all ports, to zero. Ignores a port that does not exist, but throws SwitchError
   * EINVAL for a number that no port can have.
   */
  resetCounters(port?: number | string): void {
    const ports = port === undefined ? this.ports.list().map(({ number }) => number) : [this.ports.number(port)];
    for (const number of ports) this.#engine.resetCounters(number);
  }

  // --- Clients

  /**
   * Serves the VDE protocol on a control directory. On failure, throws a SwitchError with a sentence and leaves
   * everything as it was. If the signal is aborted, throws the signal's reason.
   */
  async listen(options: ListenOptions): Promise<void> {
    await this.bind(options);
    await this.serve();
  }

  /**
   * Does the first half of listen(): clients may connect, but wait until serve(). Ports that clients expect can be
   * created in between.
   */
  async bind(options: ListenOptions): Promise<void> {
    await this.bindWith(options, async () => undefined);
  }

  /**
   * Does the same as bind(), and opens another socket at the same moment as the control socket, once `prepareOther` has
   * done everything that takes time.
   * @internal
   */
  async bindWith(options: ListenOptions, prepareOther: PrepareOther): Promise<void> {
    this.#checkOpen();
    if (this.#control)
      throw new SwitchError('EEXIST', `the switch listens on '${this.control?.directory ?? 'a directory'}' already`);
    const control = new Control(this.#reservations, options, (message, level, fields) =>
      this.#log(message, level ?? 'warning', fields),
    );
    this.#control = control;
    await this.#orForget(control, control.bind(this.ports.limit, prepareOther));
  }

  /**
   * Does the second half of listen(), once: answers the clients that wait. Throws SwitchError EINVAL if bind() has not
   * been called, EEXIST if the directory is served already, and ENODEV once the switch is closed.
   */
  async serve(): Promise<void> {
    this.#checkOpen();
    const control = this.#control;
    if (!control?.info) throw new SwitchError('EINVAL', 'the switch is bound to no directory: bind() comes first');
    if (control.info.served) throw new SwitchError('EEXIST', `the switch serves '${control.info.directory}' already`);
    await this.#orForget(control, control.serve());
  }

  #checkOpen(): void {
    if (this.#closed) throw new SwitchError('ENODEV', 'the switch is closed');
  }

  async #orForget(control: Control, step: Promise<void>): Promise<void> {
    try {
      await step;
    } catch (error) {
      await control.close();
      this.#control = undefined;
      throw error;
    }
  }

  /**
   * Returns a plug on a port of this switch; no control directory is needed. The plug is closed with the switch, or
   * when its endpoint is closed. Throws SwitchError EINVAL, EADDRINUSE, EACCES, ENOSPC, or ENODEV once the switch is
   * closed.
   */
  plug(options: OwnPlugOptions = {}): Plug {
    this.#checkOpen();
    return openPlug(this.#reservations, this.#children, options, (name) => this.ports.number(name));
  }

  // --- Attachments

  /**
   * Opens a spec: a TAP, a socket or a network. A spec is text in QEMU's syntax, `KIND[,key=value…]`, or an object with
   * the same keys. If it cannot be opened, throws a SwitchError with a sentence and changes nothing. If the signal is
   * aborted, throws the signal's reason.
   */
  async attach(spec: string | SpecObject, options: AttachOptions = {}): Promise<Attachment> {
    checkAttachOptions(options);
    return this.#attachments.attach(parsePortRequest(spec), options.signal);
  }

  /**
   * Closes an attachment, given by its ID or by the number or name of any of its ports; if a string is both an ID and
   * a port's name, it is taken as the ID. All clients of a listening attachment are disconnected. Throws SwitchError
   * EINVAL, ENXIO.
   */
  async detach(which: number | string): Promise<void> {
    if (typeof which === 'number') this.ports.check(which);
    const port = typeof which === 'number' || this.#attachments.has(which) ? undefined : this.ports.get(which);
    await this.#attachments.detach(port?.number ?? which);
  }

  /** Returns all attachments, in the order in which they were opened. */
  attachments(): Attachment[] {
    return this.#attachments.list();
  }

  /**
   * Closes the switch's consoles and metrics servers, its plugs, attachments and clients, removes every file that it
   * made, and stops the engine; idempotent.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Closes the switch like close(), for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Registers a function that close() calls before it closes the switch. Returns a function that unregisters it.
   * @internal
   */
  closesFirst(close: () => unknown): () => void {
    this.#checkOpen();
    this.#children.add(close);
    return () => this.#children.delete(close);
  }

  async #close(): Promise<void> {
    for (const close of [...this.#children].reverse()) {
      try {
        await close();
      } catch (error) {
        // An exception here is a listener's. It is reported as uncaught, as by any emitter, and closing continues.
        process.nextTick(() => {
          throw error;
        });
      }
    }
    await this.#attachments.close();
    await this.#control?.close();
    this.spanningTrees.close();
    this.events.close();
    this.#engine.close();
    this.captures.close();
    this.emit('close');
  }

  #log(message: string, level: LogLevel = 'info', fields?: LogFields): void {
    // A line about a port also has the port's name.
    const portName = fields?.port === undefined ? undefined : this.ports.get(fields.port)?.name;
    this.emit('log', message, level, portName === undefined ? fields : { ...fields, portName });
  }
}
