// Where the lines of iplog go: nowhere, to a file, or to the system's log.
import { constants } from 'node:fs';
import { resolve } from 'node:path';
import { SwitchError } from '../../protocol/errors.ts';
import type { Log } from '../../system/log.ts';
import { systemLog } from '../../system/system-log.ts';
import { printable } from '../reply.ts';
import { FileWriter } from './file-writer.ts';
import { openRegular } from './regular-file.ts';

const SYSLOG = '-';
const IDENT = 'tsvde';

export class IpLog {
  readonly #log: (message: string) => void;
  /** Absolute, and kept where it could not be opened or written again. */
  #path: string | undefined;
  #file: FileWriter | undefined;
  #syslog: Log | undefined;

  /** `log` is told of what fails. */
  constructor(log: Log) {
    this.#log = (message) => log(`iplog: ${printable(message)}`, 'warning');
  }

  get state(): string {
    if (this.#syslog) return 'log on syslog';
    return this.#file ? `log on file ${printable(this.#file.file.path)}` : 'log disabled';
  }

  /** A path, `-` for the system's log, or nothing. ENOENT: and nothing has changed. */
  direct(target: string): void {
    const path = target === '' || target === SYSLOG ? undefined : resolve(target);
    const file = path === undefined ? undefined : this.#open(path);
    this.close();
    this.#path = path;
    this.#file = file;
    if (target === SYSLOG) this.#syslog = systemLog(IDENT);
  }

  write(line: string): void {
    this.#syslog?.(line);
    this.#file?.write(Buffer.from(`${timestamp(new Date())} ${line}\n`));
  }

  /** Another file by the same name: the one that was may have been moved away. */
  reopen(): void {
    if (this.#path === undefined) return;
    this.write('SIGHUP: closing file');
    this.#file?.close();
    this.#file = undefined;
    try {
      this.#file = this.#open(this.#path);
      this.write('SIGHUP: opening file');
    } catch (error) {
      if (!(error instanceof SwitchError)) throw error;
      this.#log(error.message);
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#path = undefined;
    this.#syslog = undefined;
  }

  #open(path: string): FileWriter {
    const writer: FileWriter = new FileWriter({
      file: openRegular(path, constants.O_APPEND, 'ENOENT'),
      appends: true,
      noun: 'lines',
      log: this.#log,
      onFailure: () => {
        if (this.#file === writer) this.#file = undefined;
      },
    });
    return writer;
  }
}

/** `Jan  5 13:00:00`, as in the system's log (RFC 3164, 4.1.2). */
function timestamp(date: Date): string {
  const [, month, day, , time] = date.toString().split(' ');
  return `${month} ${day!.replace(/^0/, ' ')} ${time}`;
}
