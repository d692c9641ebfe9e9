// Makes a guest's memory visible to other processes, which vhost-user needs. If the command line defines the memory by
// objects, the objects are made shared; otherwise a shared object is added. If the memory is private, QEMU 7.2 starts
// without an error message, and the guest then has no network. So memory that cannot be shared is refused.
import { SwitchError } from '../protocol/errors.ts';
import { type LineOption, lineOptions } from './line-options.ts';
import { memorySize } from './memory-size.ts';
import { formatNetOption, isOn, parseNetOption, type Settings, setting, withoutKeys } from './net-option.ts';
import type { Argument, Facts } from './wiring.ts';

type MemoryFacts = Pick<Facts, 'version' | 'readFile' | 'isDirectory'>;

export interface SharedMemory {
  words: Argument[];
  notes: string[];
}

/** Returns the words with shared memory. Throws SwitchError if the memory cannot be shared. */
export function withSharedMemory(words: readonly Argument[], facts: MemoryFacts): SharedMemory {
  const options = lineOptions(words, facts.readFile);
  const named = (name: string) => options.filter((option) => option.name === name);
  const ids = (name: string, key: string) => named(name).flatMap(({ settings }) => setting(settings, key) ?? []);
  const notes: string[] = [];
  const changed = new Map<number, string | undefined>();

  const ofMachine = ids('machine', 'memory-backend').slice(-1);
  const ofNodes = ids('numa', 'memdev');
  for (const id of new Set([...ofMachine, ...ofNodes, ...ids('device', 'memdev')])) {
    const object = named('object').find(({ settings }) => setting(settings, 'id') === id);
    const value = object && sharedObject(id, object, words, facts);
    if (value === undefined) continue; // it is shared already, or QEMU reports that there is no such object
    changed.set(object!.index!, value);
    notes.push(`the memory '${id}' is now shared: -object ${value}`);
  }

  const added: string[] = [];
  if (ofMachine.length === 0 && ofNodes.length === 0) {
    refuseOldVersion(facts);
    const { bytes, given } = memorySize(options);
    if (!given) notes.push(`the guest's memory is ${bytes / 1024 ** 2}M, since the command line has no -m`);
    const memPaths = named('mem-path');
    for (const { index } of memPaths) changed.set(index! - 1, undefined).set(index!, undefined);
    const id = freshId('tsvde-ram', ids('object', 'id'));
    const settings: Settings = [
      ['id', id],
      ['size', String(bytes)],
      ['share', 'on'],
      ...(named('mem-prealloc').length > 0 ? [['prealloc', 'on'] as const] : []),
    ];
    added.push('-object', backendFor(memPaths.at(-1), settings, facts), '-machine', `memory-backend=${id}`);
  }
  const kept = words.flatMap((word, index) => (changed.has(index) ? (changed.get(index) ?? []) : [word]));
  return { words: [...kept, ...added], notes };
}

/** Returns the option for the guest's memory: anonymous, or files in the directory of -mem-path. */
function backendFor(memPath: LineOption | undefined, settings: Settings, facts: MemoryFacts): string {
  if (!memPath) return formatNetOption({ kind: 'memory-backend-memfd', settings });
  const path = setting(memPath.settings, 'path')!;
  if (!facts.isDirectory(path)) throw privateFile(`-mem-path ${path}`, path);
  return formatNetOption({ kind: 'memory-backend-file', settings: [['mem-path', path], ...settings] });
}

/**
 * Returns the object's option with its memory shared, or undefined if it is shared already. Throws SwitchError if the
 * object cannot be shared.
 */
function sharedObject(
  id: string,
  { settings, index, file }: LineOption,
  words: readonly Argument[],
  facts: MemoryFacts,
): string | undefined {
  const kind = setting(settings, 'qom-type') ?? '';
  const share = setting(settings, 'share');
  const shared = share === undefined ? SHARED_BY_DEFAULT.includes(kind) : isOn(share);
  if (kind !== 'memory-backend-ram' && shared) return undefined;
  if (file !== undefined)
    throw new SwitchError(
      'EINVAL',
      `the memory '${id}' is not shared: ${CAN_BE_SHARED}, with share = "on" in '${file}'`,
    );
  if (share !== undefined && !isOn(share))
    throw new SwitchError('EINVAL', `the memory '${id}' has share=${share}, and a switch cannot use private memory`);
  if (kind === 'memory-backend-file') {
    const path = setting(settings, 'mem-path') ?? '';
    if (!facts.isDirectory(path)) throw privateFile(`-object memory-backend-file,id=${id}`, path);
  } else if (kind !== 'memory-backend-ram')
    throw new SwitchError('EINVAL', `the memory '${id}' is a ${kind}, which cannot be shared: ${CAN_BE_SHARED}`);
  return withShare(words[index!] as string, kind === 'memory-backend-ram' ? 'memory-backend-memfd' : kind);
}

const SHARED_BY_DEFAULT = ['memory-backend-memfd', 'memory-backend-shm'];
const CAN_BE_SHARED = 'use memory-backend-memfd or memory-backend-file';

function withShare(value: string, kind: string): string {
  if (value.startsWith('{')) return JSON.stringify({ ...JSON.parse(value), 'qom-type': kind, share: true });
  const { settings } = parseNetOption(value, 'qom-type')!;
  return formatNetOption({ kind, settings: [...withoutKeys(settings, 'share'), ['share', 'on']] });
}

/** The error for a private mapping of a file, whose contents a shared mapping would change. */
function privateFile(option: string, path: string): SwitchError {
  return new SwitchError(
    'EINVAL',
    `'${option}' is private, and shared memory would be written to '${path}', which is not a directory: ` +
      'use -object memory-backend-file with share=on if that is intended',
  );
}

/** Throws SwitchError ENOSYS if QEMU has no -machine memory-backend=. */
function refuseOldVersion({ version }: MemoryFacts): void {
  const [major, minor] = version() ?? [5, 0];
  if (major < 5)
    throw new SwitchError(
      'ENOSYS',
      `QEMU ${major}.${minor} has no -machine memory-backend=, which 5.0 and newer have: ` +
        'use -numa node,memdev= with shared memory',
    );
}

function freshId(base: string, taken: readonly string[]): string {
  let id = base;
  for (let count = 2; taken.includes(id); count++) id = `${base}${count}`;
  return id;
}
