// The names of ports. A port has the name that an administrator or the port's attachment set, or else the name that a
// client of the port asks for. Names are unique: if another port has a name, `-1`, `-2` and so on is appended. There is
// one exception: setting a name takes the name away from another port whose client asked for it, and that port is given
// another name.
import { SwitchError } from '../protocol/errors.ts';
import { freeName, isName, NAME_RULE } from '../protocol/names.ts';

interface Given {
  name: string;
  /** The name that was asked for. */
  wanted: string;
}

export class PortNames {
  readonly #set = new Map<number, string>();
  readonly #given = new Map<number, Given>();
  /** The names that the clients of each port ask for, those of the oldest client first. */
  readonly #wanted = new Map<number, readonly string[]>();
  readonly #numbers = new Map<string, number>();
  readonly #named: (port: number, name: string | undefined) => void;
  /** The ports whose names may have changed since the listener was told. */
  readonly #changed = new Set<number>();
  /** The names that the listener knows. */
  readonly #told = new Map<number, string>();

  /** `named` is called after the name of a port has changed; `name` is undefined if the port has none now. */
  constructor(named: (port: number, name: string | undefined) => void = () => {}) {
    this.#named = named;
  }

  of(port: number): string | undefined {
    return this.#set.get(port) ?? this.#given.get(port)?.name;
  }

  numberOf(name: string): number | undefined {
    return this.#numbers.get(name);
  }

  /**
   * Sets or, with undefined, removes the name of a port. Returns the port's new name. Throws SwitchError EINVAL for an
   * invalid name.
   */
  set(port: number, name: string | undefined): string | undefined {
    if (name !== undefined && !isName(name))
      throw new SwitchError('EINVAL', `'${name}' is not a name: it must be ${NAME_RULE}`);
    this.#forgetGiven(port);
    this.#forgetSet(port);
    if (name !== undefined) this.#setFree(port, name);
    this.#give(port);
    this.#tell();
    return this.of(port);
  }

  /** Sets a name, as set() does. Returns a function that restores the previous name, unless the name was set again. */
  lend(port: number, name: string): () => void {
    const before = this.#set.get(port);
    const lent = this.set(port, name);
    return () => {
      if (this.#set.get(port) === lent) this.set(port, before);
    };
  }

  /** Records that a client of the port asks for a name. */
  want(port: number, name: string): void {
    const wanted = this.#wanted.get(port) ?? [];
    this.#wanted.set(port, [...wanted, name]);
    this.#give(port);
    this.#tell();
  }

  /**
   * Records that a client which asked for a name has left the port. The port keeps the name while another of its
   * clients asks for the same name.
   */
  unwant(port: number, name: string): void {
    const wanted = this.#wanted.get(port) ?? [];
    const rest = wanted.toSpliced(wanted.indexOf(name), 1);
    if (rest.length > 0) this.#wanted.set(port, rest);
    else this.#wanted.delete(port);
    if (!rest.includes(this.#given.get(port)?.wanted ?? '')) this.#forgetGiven(port);
    this.#give(port);
    this.#tell();
  }

  /** Forgets a port that was removed. */
  forget(port: number): void {
    this.#wanted.delete(port);
    this.#forgetGiven(port);
    this.#forgetSet(port);
    this.#tell();
  }

  /** Calls the listener for each port whose name has changed: setting one name may change the names of two ports. */
  #tell(): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const port of changed) {
      const name = this.of(port);
      if (name === this.#told.get(port)) continue;
      if (name === undefined) this.#told.delete(port);
      else this.#told.set(port, name);
      this.#named(port, name);
    }
  }

  #setFree(port: number, wanted: string): void {
    const name = freeName(wanted, (candidate) => {
      const holder = this.#numbers.get(candidate);
      return holder === undefined || !this.#set.has(holder);
    });
    const holder = this.#numbers.get(name);
    if (holder !== undefined) this.#forgetGiven(holder);
    this.#set.set(port, name);
    this.#numbers.set(name, port);
    this.#changed.add(port);
    if (holder !== undefined) this.#give(holder);
  }

  /** Gives the port the name that its clients ask for, unless it has a name. */
  #give(port: number): void {
    const wanted = this.#wanted.get(port)?.[0];
    if (wanted === undefined || this.of(port) !== undefined) return;
    const name = freeName(wanted, (candidate) => !this.#numbers.has(candidate));
    this.#given.set(port, { name, wanted });
    this.#numbers.set(name, port);
    this.#changed.add(port);
  }

  #forgetSet(port: number): void {
    const name = this.#set.get(port);
    if (name === undefined) return;
    this.#set.delete(port);
    this.#numbers.delete(name);
    this.#changed.add(port);
  }

  #forgetGiven(port: number): void {
    const given = this.#given.get(port);
    if (given === undefined) return;
    this.#given.delete(port);
    this.#numbers.delete(given.name);
    this.#changed.add(port);
  }
}
