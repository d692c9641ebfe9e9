// A program's side of a console session: sends lines and reads replies up to the prompt.
import { connect, type Socket } from 'node:net';
import { createContext } from '../../src/console/context.ts';
import type { Level } from '../../src/console/level.ts';
import { ConsoleServer } from '../../src/console/server.ts';
import { atEnd } from './at-end.ts';
import type { Network } from './network.ts';
import { temporaryDirectory } from './temporary.ts';
import { until } from './wait.ts';

export const PROMPT = '\nvde$ ';

export class ConsoleClient {
  readonly socket: Socket;
  #text = '';
  ended = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.#text += chunk;
    });
    socket.on('close', () => {
      this.ended = true;
    });
    atEnd(() => socket.destroy());
  }

  /** Connects, as another user if `uid` is given, and reads the banner. Needs root and the main thread for `uid`. */
  static async connect(path: string, uid = 0): Promise<ConsoleClient> {
    if (uid !== 0) process.seteuid!(uid); // the kernel records the user that calls connect(2), which connect() does at once
    const socket = connect(path);
    if (uid !== 0) process.seteuid!(0);
    const client = new ConsoleClient(socket);
    await client.replies(1);
    if (client.ended) throw new Error(`no console on ${path}`);
    return client;
  }

  /** Waits for `count` prompts and returns the text received, without the last prompt. */
  async replies(count: number): Promise<string> {
    const prompts = () => this.#text.split(/(?:^|\n)vde\$ /).length - 1;
    await until(() => prompts() >= count || this.ended, `${count} prompts, after: ${this.#text.slice(-300)}`);
    return this.take().replace(/\n?vde\$ $/, '');
  }

  /** Returns the text received since the last call. */
  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }

  async ask(line: string): Promise<string> {
    this.socket.write(`${line}\n`);
    return this.replies(1);
  }
}

export interface Served {
  path: string;
  log: string[];
  /** The number of shutdowns that the console asked for. */
  shutdowns(): number;
  connect(uid?: number): Promise<ConsoleClient>;
}

/** Serves a console for a switch in this process. */
export async function serveConsole({ sw, log }: Network, mode = 0o600, level?: Level): Promise<Served> {
  const path = `${temporaryDirectory()}/mgmt`;
  let shutdowns = 0;
  const server = new ConsoleServer(
    createContext({
      switch: sw,
      version: '2.3.3+tsvde.0.0.0',
      ...(level && { level }),
      management: { path, mode },
      log: (line) => log.push(line),
      shutdown: () => {
        shutdowns++;
      },
    }),
  );
  (await server.prepare({ path, mode }))();
  await server.serve();
  atEnd(() => server.close());
  return { path, log, shutdowns: () => shutdowns, connect: (uid) => ConsoleClient.connect(path, uid) };
}
