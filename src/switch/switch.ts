// The switch: the engine that moves frames, the ports they move between and the clients that hold them, opened and closed
// as one. Everything here happens per second or per human; no frame passes through JavaScript.
import { EventEmitter } from 'node:events';
import { type AttachedPort, type BackendSwitch, Backends } from '../backends/attachments.ts';
import { parsePortRequest } from '../backends/kinds.ts';
import type { ClientHost, Seat } from '../control/clients.ts';
import { Control, type ControlInfo, type ListenOptions, type PrepareOther } from '../control/control.ts';
import { DEFAULT_PRIORITY } from '../fstp/machine.ts';
import { SwitchError } from '../protocol/errors.ts';
import { parseMac, randomMac } from '../protocol/mac.ts';
import { describeEnd } from '../system/errno.ts';
import type { Log, LogLevel } from '../system/log.ts';
import { type EngineEvent, type NativeEngine, native, type Transport } from '../system/native.ts';
import { Capture } from './capture.ts';
import { type PortCounters, portCounters } from './counters.ts';
import type { SwitchEvent } from './events.ts';
import { DEFAULT_MAC_TIMES, MacTable } from './mac-table.ts';
import { type EndpointInfo, type PortInfo, Ports, type WantedPort } from './ports.ts';
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
  readonly mac: string;
  readonly macs: MacTable;
  readonly vlans: Vlans;
  readonly spanningTrees: SpanningTrees;
  readonly capture: Capture;
  readonly #engine: NativeEngine;
  readonly #ports: Ports;
  readonly #queueFrames: number;
  readonly #startedAt = process.hrtime.bigint();
  /** What ends an endpoint, and is told why: its descriptor is of no use, or the console wants it. */
  readonly #ends = new Map<number, (why: string) => void>();
  readonly #backends: Backends;
  #hub: boolean;
  #control: Control | undefined;
  #closed: Promise<void> | undefined;

  /** Throws SwitchError EINVAL for options out of range. */
  constructor(options: SwitchOptions = {}) {
    super();
    const {
      hub = false,
      numPorts = 32,
      hashSize = 128,
      macLimit = 131_072,
      queueFrames = 256,
      strictVlan = false,
      fstp = false,
      priority = DEFAULT_PRIORITY,
    } = options;
    this.mac = options.mac === undefined ? randomMac('00:ff') : parseMac(options.mac);
    this.#ports = new Ports(numPorts);
    this.#queueFrames = queueFrames;
    this.#hub = hub;
    this.#engine = new native.Engine(
      {
        hub,
        strictVlan,
        takesBpdus: false,
        capture: false,
        macLimit,
        ...timing(options),
        ...DEFAULT_MAC_TIMES,
      },
      (event) => this.#notice(event),
    );
    this.macs = new MacTable(this.#engine, hashSize);
    this.capture = new Capture(this.#engine);
    this.spanningTrees = new SpanningTrees(this.#engine, { mac: this.mac, priority }, (category, text) =>
      this.emit('event', { type: 'spanning-tree', category, text }),
    );
    this.vlans = new Vlans(this.#engine, this.#ports, this.spanningTrees, strictVlan);
    if (options.cpu !== undefined) placeOnCpu(this.#engine, options.cpu);
    this.#backends = new Backends(this.#backendSwitch());
    if (fstp && !hub) this.spanningTrees.switchOn();
  }

  // --- What it is and how it forwards

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

  get numPorts(): number {
    return this.#ports.limit;
  }

  /** EINVAL outside 1 to 65535; EADDRINUSE while a port beyond it exists. */
  set numPorts(limit: number) {
    this.#ports.limit = limit;
  }

  /** Of the engine's that came faster than they were taken: addresses, BPDUs, captured frames. */
  get eventsLost(): bigint {
    return this.#engine.eventsLost();
  }

  // --- Ports

  port(number: number): PortInfo | undefined {
    return this.#ports.get(number);
  }

  /** EINVAL for a number that no port can have. */
  checkPort(number: number): void {
    this.#ports.checkNumber(number);
  }

  ports(): PortInfo[] {
    return this.#ports.list();
  }

  /** Creates a port that only a client which names it will get. EINVAL, EEXIST. */
  createPort(port: number): void {
    this.#ports.create(port);
    this.#addPort(port);
  }

  /** The lowest free number, likewise. ENOSPC. */
  createPortAuto(): number {
    const { number: port, created } = this.#ports.createAuto();
    if (created) this.#addPort(port);
    return port;
  }

  /** EINVAL, ENXIO; EADDRINUSE while it is active. */
  removePort(port: number): void {
    this.#ports.remove(port);
    this.#engine.removePort(port);
  }

  setAllocatable(port: number, allocatable: boolean): void {
    this.#ports.setAllocatable(port, allocatable);
  }

  /** A login name, a number, NONE or ANY. EINVAL, ENXIO. */
  setUser(port: number, user: string): void {
    this.#ports.setUser(port, user);
  }

  setGroup(port: number, group: string): void {
    this.#ports.setGroup(port, group);
  }

  /** Ends one endpoint; a client sees the end of its control stream. EINVAL, ENXIO. */
  closeEndpoint(port: number, endpoint: number): void {
    this.checkPort(port);
    const found = this.#ports.get(port)?.endpoints.some(({ id }) => id === endpoint);
    if (!found) throw new SwitchError('ENXIO', `port ${port} has no endpoint ${endpoint}`);
    this.#ends.get(endpoint)?.('the console closed it');
  }

  // --- Counters

  /** One snapshot of every port there is, by number. */
  counters(): PortCounters[] {
    return portCounters(this.#engine.counters());
  }

  /** Of one port, or of all. EINVAL for a number out of range; a port that does not exist has nothing to reset. */
  resetCounters(port?: number): void {
    if (port !== undefined) this.checkPort(port);
    const ports = port === undefined ? this.#ports.list().map(({ number }) => number) : [port];
    for (const number of ports) this.#engine.resetCounters(number);
  }

  // --- Who plugs in

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
    const control = new Control(this.#clientHost(), options);
    this.#control = control;
    await this.#orForget(control, control.bind(this.numPorts, prepareOther));
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

  /**
   * Attaches what a spec in QEMU's spelling names, `KIND[,key=value…]`: a TAP, a socket, a network. Throws SwitchError with a
   * sentence, and changes nothing, when it cannot.
   */
  async attachPort(spec: string): Promise<AttachedPort> {
    return this.#backends.attach(parsePortRequest(spec));
  }

  /** Ends all that a spec has attached, found by its id or by any of its ports: of a listening one, every client. EINVAL, ENXIO. */
  async detachPort(which: number | string): Promise<void> {
    if (typeof which === 'number') this.checkPort(which);
    await this.#backends.detach(which);
  }

  /** What is attached by a spec. */
  attachedPorts(): AttachedPort[] {
    return this.#backends.list();
  }

  /** Attaches a TAP that exists, or makes one that lasts as long as the switch. Throws a sentence that names it. */
  attachTap(name: string): Promise<AttachedPort> {
    return this.attachPort(`tap,ifname=${name.replaceAll(',', ',,')}`);
  }

  /** Ends every endpoint, removes every file that was made and stops the engine; idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#backends.close();
    await this.#control?.close();
    this.spanningTrees.close();
    this.#engine.close();
  }

  #claim(wanted: WantedPort, uid: number): { port: number; undo(): void } {
    const { number: port, created } = this.#ports.claim(wanted, uid);
    if (created) this.#addPort(port);
    return { port, undo: () => created && this.removePort(port) };
  }

  #clientHost(): ClientHost {
    return {
      claim: (wanted, uid) => this.#claim(wanted, uid),
      nextEndpointId: () => this.#ports.nextEndpointId(),
      attach: (seat) => this.#attachClient(seat),
      detach: (port, endpoint) => this.#detach(port, endpoint),
      log: (message) => this.#log(message, 'warning'),
    };
  }

  #backendSwitch(): BackendSwitch {
    return {
      directory: () => this.control?.directory,
      claim: (holder, range) => {
        const { number: port, created } = this.#ports.hold(holder, range);
        if (created) this.#addPort(port);
        return { port, undo: () => created && this.removePort(port) };
      },
      release: (port) => this.#ports.release(port),
      attach: (port, what, transport, ended) => {
        const id = this.#ports.nextEndpointId();
        this.#attach(port, { id, ...what }, transport, undefined);
        this.#ends.set(id, ended);
        return id;
      },
      detach: (port, endpoint) => this.#detach(port, endpoint),
      ensureVlan: (vlan) => this.vlans.ensure(vlan),
      setVlan: (port, vlan) => this.vlans.lendUntagged(port, vlan),
      log: (message, level) => this.#log(message, level),
    };
  }

  #addPort(port: number): void {
    this.#engine.addPort(port);
    this.emit('event', { type: 'port-created', port });
  }

  #attachClient(seat: Seat): void {
    const endpoint: EndpointInfo = { id: seat.endpoint, backend: 'vde', description: seat.description };
    this.#attach(seat.port, endpoint, { kind: 'datagram', fd: seat.fd }, seat.uid);
    this.#ends.set(seat.endpoint, () => seat.end());
  }

  #attach(port: number, endpoint: EndpointInfo, transport: Transport, uid: number | undefined): void {
    this.#engine.attach(port, endpoint.id, transport, this.#queueFrames);
    this.#ports.addEndpoint(port, endpoint, uid);
    this.spanningTrees.portChanged(port, this.#ports.get(port));
    this.emit('event', { type: 'endpoint-added', port, endpoint: endpoint.id });
    this.emit('event', { type: 'endpoint-described', port, endpoint: endpoint.id, description: endpoint.description });
  }

  #detach(port: number, endpoint: number): void {
    this.#engine.detach(port, endpoint);
    this.#ports.removeEndpoint(port, endpoint);
    this.#ends.delete(endpoint);
    this.spanningTrees.portChanged(port, this.#ports.get(port));
    this.emit('event', { type: 'endpoint-removed', port, endpoint });
    if (!this.#ports.get(port)!.active) this.emit('event', { type: 'port-inactive', port });
  }

  #notice(event: EngineEvent): void {
    switch (event.type) {
      case 'endpoint-failed':
        this.#ends.get(event.endpoint)?.(describeEnd(event.errno));
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
