// A client that can violate the control protocol: it sends any bytes and gets a reply or the end of the stream.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { formatAddress } from '../../src/protocol/request.ts';
import { native } from '../../src/system/native.ts';
import { atEnd } from './at-end.ts';

export class RawClient {
  readonly stream: Socket;
  /** The reply, or undefined if the switch ended the stream without a reply. */
  readonly answer: Promise<Buffer | undefined>;
  readonly closed: Promise<void>;

  private constructor(stream: Socket) {
    this.stream = stream;
    stream.on('error', () => {});
    this.closed = new Promise((resolve) => stream.once('close', () => resolve()));
    this.answer = new Promise((resolve) => {
      stream.once('data', resolve);
      stream.once('close', () => resolve(undefined));
    });
    atEnd(() => stream.destroy());
  }

  static connect(directory: string): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const stream = connect(`${directory}/ctl`);
      stream.once('error', reject);
      stream.once('connect', () => resolve(new RawClient(stream)));
    });
  }
}

/** A bound datagram socket, the data socket of a client. */
export function dataSocket(directory: string): { path: string; fd: number; address: Buffer } {
  const path = `${directory}/c${randomBytes(4).toString('hex')}`;
  const fd = native.openDatagram(path, null);
  atEnd(() => {
    native.closeDescriptor(fd);
    rmSync(path, { force: true });
  });
  return { path, fd, address: formatAddress(path) };
}

const MAGIC = 0xfeedface;

export function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, i * 4);
  return bytes;
}

export function version3(address: Buffer, type = 0, description = ''): Buffer {
  return Buffer.concat([words(MAGIC, 3, type), address, Buffer.from(description)]);
}

export function version1(address: Buffer, type = 0, description = ''): Buffer {
  return Buffer.concat([words(MAGIC, type), Buffer.alloc(6, 0xee), address, Buffer.from(description)]);
}
