// The units of --print-unit, changed to run in a test: their directories are below `home`.
import { mkdirSync } from 'node:fs';
import { run, tsvde } from './process.ts';

export const UNITS = ['tsvde', 'tsvde@'];

export const printed = async (name: string) => (await run(tsvde, ['--print-unit', name])).stdout;

/** A setting of a unit's section [Service]. */
export type Setting = readonly [option: string, value: string];

export interface TestUnit {
  settings: readonly Setting[];
  /** The command of ExecStart=, for `sh -c`. */
  command: string;
  /** The directory of RuntimeDirectory=, which exists. */
  runtimeDirectory: string;
  /** The control directory and the management socket. */
  directory: string;
  mgmt: string;
}

/** The unit `name`, as the instance vt0 of a template, with the group `users`, whose rc file is HOME/vt0.rc. */
export async function testUnit(name: string, home: string): Promise<TestUnit> {
  const text = (await printed(name))
    .replaceAll('%i', 'vt0')
    .replaceAll('$$', '$')
    .replaceAll('/run/', `${home}/run/`)
    .replaceAll('/etc/tsvde/', `${home}/`)
    .replaceAll(/(group) tsvde/g, '$1 users');
  const settings = settingsOf(text);
  const { ExecStart: command, RuntimeDirectory } = Object.fromEntries(settings);
  const runtimeDirectory = `${home}/run/${RuntimeDirectory}`;
  mkdirSync(runtimeDirectory, { recursive: true });
  const [, directory] = /--sock (\S+)/.exec(command!)!;
  const [, mgmt] = /--mgmt (\S+)/.exec(command!)!;
  return { settings, command: command!, runtimeDirectory, directory: directory!, mgmt: mgmt! };
}

export function settingsOf(text: string): Setting[] {
  const [, service] = /^\[Service\]\n([\s\S]*?)(?=^\[|$(?![\s\S]))/m.exec(text)!;
  return [...service!.matchAll(/^(\w+)=(.*)$/gm)].map(([, option, value]) => [option!, value!] as const);
}
