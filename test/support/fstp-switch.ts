// A switch in this process with only our spanning tree and flooding; its ports are plugs at other switches.

import type { Effect } from '../../src/fstp/effect.ts';
import { SpanningTree } from '../../src/fstp/machine.ts';
import { Plug } from '../../src/index.ts';
import { atEnd } from './at-end.ts';
import { VLAN } from './fstp-network.ts';

const BPDU_ADDRESS = '0180c2000000';

interface Port {
  plug: Plug;
  forwarding: boolean;
}

export class FstpSwitch {
  readonly tree: SpanningTree;
  readonly #ports = new Map<number, Port>();
  /** The number of frames forwarded, which shows a storm. */
  forwarded = 0;

  constructor(mac: string) {
    this.tree = new SpanningTree({ mac });
    this.tree.createVlan(VLAN, now());
    this.tree.switchOn(now());
    const timer = setInterval(() => this.#obey(this.tree.tick(now())), 1000);
    atEnd(() => clearInterval(timer));
  }

  /** Connects a port to any free port of another switch. */
  async join(port: number, directory: string): Promise<void> {
    const plug = await Plug.connect(directory, { description: `fstp ${port}` });
    atEnd(() => plug.close());
    this.#ports.set(port, { plug, forwarding: true });
    plug.on('frame', (frame) => this.#receive(port, frame));
    plug.on('close', () => this.#lose(port));
    this.#obey(this.tree.addPort({ vlan: VLAN, port, tagged: false }, now()));
  }

  /** Disconnects a port; both ends notice. */
  leave(port: number): void {
    this.#ports.get(port)!.plug.close();
  }

  /** Describes the ports: `1 root forwarding, 2 alternate discarding`. */
  get ports(): string {
    return this.view.ports.map(({ port, role, state }) => `${port} ${role} ${state}`).join(', ');
  }

  get view() {
    return this.tree.view(VLAN)!;
  }

  #receive(port: number, frame: Buffer): void {
    if (frame.toString('hex', 0, 6) === BPDU_ADDRESS) {
      this.#obey(this.tree.receive({ vlan: VLAN, port, bytes: frame }, now()));
      return;
    }
    if (!this.#ports.get(port)?.forwarding) return;
    for (const [other, { plug, forwarding }] of this.#ports) {
      if (other === port || !forwarding) continue;
      this.forwarded++;
      plug.send(frame);
    }
  }

  #lose(port: number): void {
    this.#ports.delete(port);
    this.#obey(this.tree.removePort({ vlan: VLAN, port }, now()));
  }

  #obey(effects: Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send') this.#ports.get(effect.port)?.plug.send(effect.bytes);
      else if (effect.kind === 'state') this.#ports.get(effect.port)!.forwarding = effect.state === 'forwarding';
    }
  }
}

function now(): number {
  return performance.now() / 1000;
}
