// A switch that only answers: it gives every client the same data socket, which nobody reads, and forwards nothing.
import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { type JoinRequest, parseRequest } from '../../src/protocol/request.ts';
import { atEnd } from './at-end.ts';
import { dataSocket } from './raw-client.ts';
import { temporaryDirectory } from './temporary.ts';

export interface BareSwitch {
  directory: string;
  /** The data socket, non-blocking. */
  fd: number;
}

/** Starts a switch that any user may join; `asked` is called with each request before the answer. */
export async function bareSwitch(asked: (request: JoinRequest) => void = () => {}): Promise<BareSwitch> {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o777);
  const { address, path, fd } = dataSocket(directory);
  chmodSync(path, 0o777);
  const server = createServer((stream) => {
    stream.on('error', () => {});
    stream.on('data', (bytes) => {
      const parsed = parseRequest(bytes);
      if (parsed.outcome !== 'complete') return void stream.destroy();
      asked(parsed.request);
      stream.write(address);
    });
  });
  await new Promise<void>((resolve) => server.listen(`${directory}/ctl`, resolve));
  atEnd(() => server.close());
  chmodSync(`${directory}/ctl`, 0o777);
  return { directory, fd };
}
