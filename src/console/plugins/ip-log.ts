// The destination of iplog's lines: a file, the system log, or none. A file that failed is opened again on SIGHUP.
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
  /** The absolute path of the file. It is kept after an error, so that reopen() can try the file again. */
  #path: string | undefined;
  #file: FileWriter | undefined;
  #syslog: Log | undefined;

  /** `log` receives a line for each failure. */
  constructor(log: Log) {
    this.#log = (message) => log(`iplog: ${printable(message)}`, 'warning');
  }

  get state(): string {
    if (this.#syslog) return 'log on syslog';
    return this.#file ? `log on file ${printable(this.#file.file.path)}` : 'log disabled';
  }

  /**
   * Sends lines to a file, to the system log (`-`) or nowhere (empty). If the file cannot be opened, throws ENOENT and
   * changes nothing.
   */
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

  /** Closes the file, which may have been rotated, and opens it again by name. */
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

/** Returns a time in the format of the system log, such as `Jan  5 13:00:00` (RFC 3164, 4.1.2). */
function timestamp(date: Date): string {
  const [, month, day, , time] = date.toString().split(' ');
  return `${month} ${day!.replace(/^0/, ' ')} ${time}`;
}
