// A switch in this process, and plugs that keep the frames they receive.
import { EventEmitter } from 'node:events';
import { type ListenOptions, Plug, type PlugOptions, Switch, type SwitchOptions } from '../../src/index.ts';
import { atEnd } from './at-end.ts';
import { temporaryDirectory } from './temporary.ts';
import { until } from './wait.ts';

export interface Network {
  sw: Switch;
  directory: string;
  log: string[];
  join(options?: PlugOptions): Promise<Recorder>;
}

export async function network(options: SwitchOptions & Partial<ListenOptions> = {}): Promise<Network> {
  const { mode, dirMode, group, portZeroMode, portZeroGroup, requestTimeoutMs, userLimits, ...switchOptions } = options;
  const listenOptions = {
    ...{ mode, dirMode, group, portZeroMode, portZeroGroup, requestTimeoutMs },
    ...(userLimits && { userLimits }),
  } as ListenOptions;
  const sw = new Switch(switchOptions);
  const log: string[] = [];
  sw.on('log', (line) => log.push(line));
  atEnd(() => sw.close());
  const directory = `${temporaryDirectory()}/ctl`;
  await sw.listen({ ...listenOptions, directory });
  return { sw, directory, log, join: (plugOptions) => Recorder.join(directory, plugOptions) };
}

/** A plug at any VDE switch that keeps the frames it receives. */
export class Recorder extends EventEmitter {
  readonly plug: Plug;
  readonly frames: Buffer[] = [];

  private constructor(plug: Plug) {
    super();
    this.plug = plug;
    plug.on('frame', (frame) => this.frames.push(frame));
    atEnd(() => plug.close());
  }

  static async join(directory: string, options?: PlugOptions): Promise<Recorder> {
    return new Recorder(await Plug.connect(directory, options));
  }

  /** Sends a frame, of any length. */
  send(frame: Buffer): void {
    if (this.plug.sendUnchecked([frame]) !== 1) throw new Error('the switch does not read');
  }

  /** Waits until a frame that equals `frame` byte for byte has arrived. */
  async receives(frame: Buffer): Promise<void> {
    const seen = () => this.frames.map((one) => one.toString('hex')).join('\n');
    await until(() => this.frames.some((one) => one.equals(frame)), `${frame.toString('hex').slice(0, 80)}…`).catch(
      (error) => {
        throw new Error(`${error.message}\nreceived so far:\n${seen().slice(0, 2000)}`);
      },
    );
  }
}

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** A frame of `size` bytes whose payload depends on `mark`. */
export function frame(destination: string, source: string, size = 60, mark = 0): Buffer {
  const bytes = Buffer.alloc(size, mark & 0xff);
  bytes.set(macBytes(destination), 0);
  bytes.set(macBytes(source), 6);
  bytes.writeUInt16BE(0x88b5, 12); // local experimental EtherType (IEEE 802, 9.2.3)
  if (size >= 18) bytes.writeUInt32BE(mark >>> 0, 14);
  return bytes;
}

/** The frame as it arrives: padded with zeroes to 60 bytes. */
export function padded(bytes: Buffer): Buffer {
  return bytes.length >= 60 ? bytes : Buffer.concat([bytes, Buffer.alloc(60 - bytes.length)]);
}

function macBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}
