// Runs DPDK's testpmd without hugepages: as a front end with two virtio-user ports, which hands each frame that one
// port receives to the other, and as a relay between two vhost-user sockets. Each polls on a core of its own, the front
// end on the first and the relay on the second.
import { until } from './scope.mjs';

const START_MS = 60_000;
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'];

export class Testpmd {
  #child;
  /** The text on stdout since the last command. stderr is not included, since it could split a prompt. */
  #said = '';

  constructor(scope, { core, prefix, devices, size, options = [] }) {
    const eal = ['--no-huge', '-m', 512, '--no-pci', `--file-prefix=${prefix}-${process.pid}`];
    const lcores = ['--lcores', `0@${core},1@${core}`];
    const long = size > 1518 ? ['--mbuf-size=10240', '--max-pkt-len=9100'] : [];
    const words = ['-i', '--forward-mode=io', '--nb-cores=1', '--total-num-mbufs=8192', ...long, ...options];
    const vdevs = devices.map((device) => `--vdev=${device}`);
    // testpmd's output is buffered unless it is a terminal's.
    const command = ['stdbuf', '-o0', 'dpdk-testpmd', ...eal, ...lcores, ...vdevs, '--', ...words];
    this.#child = scope.start(command, { keepStdout: true });
    this.#child.stdout.on('data', (text) => {
      this.#said += text;
    });
  }

  get pid() {
    return this.#child.pid; // stdbuf becomes testpmd
  }

  /** Waits for the prompt, gives a command, and returns its output. */
  async command(line) {
    await this.#prompt();
    this.#said = '';
    this.#child.stdin.write(`${line}\n`);
    await this.#prompt();
    return this.#said;
  }

  /** Returns the number of frames that all ports have received. */
  async received() {
    const output = await this.command('show port stats all');
    const counts = [...output.matchAll(/RX-packets: (\d+)/g)].map(([, count]) => Number(count));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async receives() {
    const before = await this.received();
    await new Promise((resolve) => setTimeout(resolve, 300));
    return (await this.received()) > before;
  }

  /**
   * Waits until testpmd has printed a prompt since the last command. Messages about the ports may follow the prompt.
   */
  async #prompt() {
    const child = this.#child;
    try {
      await until("testpmd's prompt", () => this.#said.includes('testpmd> ') || child.exitCode !== null, START_MS);
    } catch (error) {
      throw new Error(`${error.message}; its output: ${child.output.trim()}`);
    }
    if (child.exitCode !== null) throw new Error(`testpmd has ended: ${child.output.trim()}`);
  }
}

/** Starts a front end on two sockets. `window` frames, a multiple of 32, circulate in each direction. */
export async function startFrontEnd(scope, sockets, { size, window }) {
  const front = new Testpmd(scope, {
    core: 0,
    prefix: 'front',
    size,
    devices: sockets.map((path, i) => `net_virtio_user${i},path=${path},mac=${MACS[i]}`),
    options: [`--txpkts=${size}`, `--eth-peer=0,${MACS[1]}`, `--eth-peer=1,${MACS[0]}`],
  });
  const deadline = performance.now() + START_MS;
  do {
    // Open vSwitch loses the frames that come while it still sets up the ports.
    await front.command('stop');
    await front.command(`start tx_first ${window / 32}`);
    if (performance.now() > deadline) throw new Error('no frames circulate between the two guests');
  } while (!(await front.receives()));
  return front;
}

/** Starts testpmd as the back end of two sockets. */
export async function startRelay(scope, sockets, { size }) {
  const relay = new Testpmd(scope, {
    core: 1,
    prefix: 'relay',
    size,
    devices: sockets.map((path, i) => `net_vhost${i},iface=${path}`),
  });
  await relay.command('start');
  return relay;
}
