// The switch: the engine that moves frames, and everything that decides between which ports, put together, opened and closed
// as one. Everything here happens per second or per human; no frame passes through JavaScript.
import { EventEmitter } from 'node:events';
import { type Attachment, Attachments } from '../backends/attachments.ts';
import { parsePortRequest } from '../backends/kinds.ts';
import { Control, type ControlInfo, type ListenOptions, type PrepareOther } from '../control/control.ts';
import { DEFAULT_PRIORITY } from '../fstp/machine.ts';
import { SwitchError } from '../protocol/errors.ts';
import { parseMac, randomMac } from '../protocol/mac.ts';
import { describeEnd } from '../system/errno.ts';
import type { Log, LogLevel } from '../system/log.ts';
import { type EngineEvent, type NativeEngine, native } from '../system/native.ts';
import { Capture } from './capture.ts';
import { type PortCounters, portCounters } from './counters.ts';
import type { SwitchEvent } from './events.ts';
import { DEFAULT_MAC_TIMES, MacTable } from './mac-table.ts';
import { PortTable } from './port-table.ts';
import { Ports } from './ports.ts';
import { PortReservations } from './reservations.ts';
import { SpanningTrees } from './spanning-trees.ts';
import { placeOnCpu, type Tuning, timing } from './tuning.ts';
import { Vlans } from './vlans.ts';

export interface SwitchOptions extends Tuning {
  /** Every frame to every port; default false: learn which address is where. */
  hub?: boolean;
  /** Usable ports are 1 to this, 65535 at most; default 32. */
  numPorts?: number;
  /** The switch's own address, six hex bytes; default 00:ff and four random ones. */
  mac?: string;
  /** What bucket numbers are counted to in the console's MAC table; rounded up to a power of two; default 128. */
  hashSize?: number;
  /** Addresses kept at most; default 131072. */
  macLimit?: number;
  /** Refuse tags of VLANs that were never created, as vde_switch does; default false: they are payload. */
  strictVlan?: boolean;
  /** Spanning tree, which a hub cannot have; default false. */
  fstp?: boolean;
  /** The switch's in spanning tree, 16 bits: the lowest is root; default 0x8000. */
  priority?: number;
  /** Frames that may wait for one slow endpoint; default 256. */
  queueFrames?: number;
}

export class Switch extends EventEmitter<{ log: Parameters<Log>; event: [event: SwitchEvent] }> {
  /** The switch's own address, `00:ff:…`. */
  readonly mac: string;
  readonly ports: Ports;
  readonly vlans: Vlans;
  readonly macs: MacTable;
  readonly spanningTrees: SpanningTrees;
  readonly capture: Capture;
  readonly #engine: NativeEngine;
  readonly #reservations: PortReservations;
  readonly #attachments: Attachments;
  readonly #startedAt = process.hrtime.bigint();
  #hub: boolean;
  #control: Control | undefined;
  #closed: Promise<void> | undefined;

  /** Throws SwitchError EINVAL for options out of range. */
  constructor(options: SwitchOptions = {}) {
    super();
    const { hub = false, numPorts = 32, hashSize = 128, macLimit = 131_072, queueFrames = 256 } = options;
    const { strictVlan = false, fstp = false, priority = DEFAULT_PRIORITY } = options;
    this.mac = options.mac === undefined ? randomMac('00:ff') : parseMac(options.mac);
    const tell = (event: SwitchEvent) => this.emit('event', event);
    const table = new PortTable(numPorts, (port) => {
      engine.addPort(port);
      tell({ type: 'port-created', port });
    });
    const engine = new native.Engine(
      { hub, strictVlan, takesBpdus: false, capture: false, macLimit, ...timing(options), ...DEFAULT_MAC_TIMES },
      (event) => this.#notice(event),
    );
    this.#engine = engine;
    this.#hub = hub;
    this.macs = new MacTable(engine, hashSize);
    this.capture = new Capture(engine);
    this.spanningTrees = new SpanningTrees(engine, { mac: this.mac, priority }, (category, text) =>
      tell({ type: 'spanning-tree', category, text }),
    );
    this.vlans = new Vlans(engine, table, this.spanningTrees, strictVlan);
    this.#reservations = new PortReservations({
      engine,
      table,
      vlans: this.vlans,
      queueFrames,
      portChanged: (number, port) => this.spanningTrees.portChanged(number, port),
      tell,
    });
    this.ports = new Ports(table, engine, this.#reservations);
    this.#attachments = new Attachments(this.#reservations, {
      directory: () => this.control?.directory,
      log: (message, level) => this.#log(message, level),
    });
    if (options.cpu !== undefined) placeOnCpu(engine, options.cpu);
    if (fstp && !hub) this.spanningTrees.switchOn();
  }

  // --- Forwarding

  get uptimeSeconds(): number {
    return Number((process.hrtime.bigint() - this.#startedAt) / 1_000_000_000n);
  }

  /** Where clients connect. */
  get control(): ControlInfo | undefined {
    return this.#control?.info;
  }

  get hub(): boolean {
    return this.#hub;
  }

  /** A hub has no spanning tree: that is switched off. */
  set hub(hub: boolean) {
    if (hub) this.spanningTrees.switchOff();
    this.#engine.configure({ hub });
    this.#hub = hub;
  }

  /** Of the engine's that came faster than they were taken: addresses, BPDUs, captured frames. */
  get eventsLost(): bigint {
    return this.#engine.eventsLost();
  }

  // --- Counters

  /** One snapshot of every port there is, by number. */
  counters(): PortCounters[] {
    return portCounters(this.#engine.counters());
  }

  /** Of one port, or of all. EINVAL for a number out of range; a port that does not exist has nothing to reset. */
  resetCounters(port?: number): void {
    if (port !== undefined) this.ports.check(port);
    const ports = port === undefined ? this.ports.list().map(({ number }) => number) : [port];
    for (const number of ports) this.#engine.resetCounters(number);
  }

  // --- Clients

  /** Serves the VDE protocol on a control directory. Throws a sentence, and leaves what it found as it was, when it cannot. */
  async listen(options: ListenOptions): Promise<void> {
    await this.bind(options);
    await this.serve();
  }

  /**
   * The first half: clients may connect, and wait while the ports that they are to find are made. Another socket may be
   * opened with the control socket, once `prepareOther` has seen to all that takes time.
   */
  async bind(options: ListenOptions, prepareOther: PrepareOther = async () => undefined): Promise<void> {
    this.#checkOpen();
    if (this.#control)
      throw new SwitchError('EEXIST', `the switch listens on '${this.control?.directory ?? 'a directory'}' already`);
    const control = new Control(this.#reservations, options, (message) => this.#log(message, 'warning'));
    this.#control = control;
    await this.#orForget(control, control.bind(this.ports.limit, prepareOther));
  }

  /** The second half, once: who waits is answered. EINVAL where there was no first. */
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

  // --- Attachments

  /**
   * Opens a spec in QEMU's spelling, `KIND[,key=value…]`: a TAP, a socket, a network. Throws SwitchError with a sentence, and
   * changes nothing, if it cannot be opened.
   */
  async attach(spec: string): Promise<Attachment> {
    return this.#attachments.attach(parsePortRequest(spec));
  }

  /**
   * Closes an attachment, found by its ID or by any of its ports; a listening one disconnects every client. Throws SwitchError
   * EINVAL, ENXIO.
   */
  async detach(which: number | string): Promise<void> {
    if (typeof which === 'number') this.ports.check(which);
    await this.#attachments.detach(which);
  }

  /** Returns every attachment, in the order of opening. */
  attachments(): Attachment[] {
    return this.#attachments.list();
  }

  /** Ends every endpoint, removes every file that was made and stops the engine; idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#attachments.close();
    await this.#control?.close();
    this.spanningTrees.close();
    this.#engine.close();
  }

  #notice(event: EngineEvent): void {
    switch (event.type) {
      case 'endpoint-failed':
        this.#reservations.end(event.endpoint, describeEnd(event.errno));
        return;
      case 'mac-seen-elsewhere':
        this.#log(`MAC ${event.mac} moved from port ${event.from} to port ${event.to}`);
        return;
      case 'frame-received':
      case 'frame-transmitted':
        this.capture.deliver({
          direction: event.type === 'frame-received' ? 'received' : 'transmitted',
          port: event.port,
          bytes: event.bytes,
        });
        return;
      case 'bpdu':
        this.spanningTrees.received(event.port, event.vlan, event.bytes);
        return;
      case 'mac-added':
      case 'mac-removed':
        this.emit('event', event);
        return;
    }
  }

  #log(message: string, level: LogLevel = 'info'): void {
    this.emit('log', message, level);
  }
}
