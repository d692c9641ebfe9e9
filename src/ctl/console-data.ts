// The data that views request from a console by `json COMMAND`; tsvdectl(1) documents its members.
import { constants } from 'node:os';
import { printable } from '../protocol/printable.ts';
import { ExitError } from '../system/exit-error.ts';
import type { ConsoleClient } from './console-client.ts';

export interface EndpointData {
  id: number;
  kind: string;
  description: string;
}

export interface PortData {
  port: number;
  name?: string;
  untaggedVlan: number;
  active: boolean;
  allocatable: boolean;
  currentUser?: string;
  user?: string;
  group?: string;
  endpoints: EndpointData[];
}

export interface CountersData {
  port: number;
  receiveBytes: number;
  receiveUnicast: number;
  receiveMulticast: number;
  receiveBroadcast: number;
  receivePauses: number;
  receiveKicks: number;
  receiveDrops: Record<string, number>;
  transmitBytes: number;
  transmitUnicast: number;
  transmitMulticast: number;
  transmitBroadcast: number;
  transmitStalls: number;
  transmitInterrupts: number;
  transmitDrops: Record<string, number>;
  queueFrames: number;
  queueBytes: number;
  queueLimit: number;
}

export interface VlanData {
  vlan: number;
  ports: { port: number; tagged: boolean; active: boolean; state: 'forwarding' | 'discarding' }[];
}

export interface MacData {
  mac: string;
  vlan: number;
  port: number;
  ageSeconds: number;
}

export interface AttachmentData {
  id: string;
  kind: string;
  ports: number[];
  addresses: string[];
  spec: string;
}

/** Returns the data of a command's reply. Throws ExitError, with the errno as its code, if the command failed. */
export type AskData = <T>(command: string) => Promise<T>;

const { ENOSYS } = constants.errno;

/** Returns a function that requests data from the console. */
export function dataFrom(client: ConsoleClient): AskData {
  return async <T>(command: string) => {
    const { errno, lines } = await client.ask(`json ${command}`);
    if (lines.length === 0 && errno === ENOSYS)
      throw new NoJson(client, 'only commands of the console can be used there');
    const { data, message, errno: name } = JSON.parse(lines[0] ?? '{}') as Record<string, unknown>;
    if (errno) throw new ExitError(errno, `${message} (${name})`);
    return data as T;
  };
}

/** The error for a console that does not support JSON, since another program serves it. */
export class NoJson extends ExitError {
  constructor({ path, greeting }: ConsoleClient, advice: string) {
    const [, name = 'unknown'] = /^\s*(.*?)\s*$/m.exec(greeting) ?? [];
    super(ENOSYS, `the console on '${path}' has no JSON, since it is not tsvde (${name}): ${advice}`);
  }
}

/** Returns the name of the switch, or `vde` if the switch runs an older version of tsvde, which reports no name. */
export async function nameOf(client: ConsoleClient): Promise<string> {
  const { name = 'vde' } = await dataFrom(client)<{ name?: string }>('showinfo');
  return printable(name);
}
