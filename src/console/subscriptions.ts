// Who is told of what: each session has the categories it asked for, until it ends.
import type { Switch } from '../switch/switch.ts';
import { CATEGORIES, type Category, describeEvent, eventLine } from './events.ts';

/** One session's. */
export interface Subscriber {
  readonly categories: Set<Category>;
  /** Must not wait: a line for one who does not read is lost. */
  tell(line: string): void;
}

export class Subscriptions {
  readonly #switch: Switch;
  readonly #subscribers = new Set<Subscriber>();
  /** Of plugins. */
  readonly #added: Category[] = [];

  constructor(sw: Switch) {
    this.#switch = sw;
    sw.on('event', (event) => {
      const [name, text] = describeEvent(event);
      this.publish(name, text);
    });
  }

  /** All there are, in the order of debug/list. */
  get categories(): readonly Category[] {
    return [...CATEGORIES, ...this.#added];
  }

  join(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
  }

  leave(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    this.#watch();
  }

  /** Gives what was not on before. */
  turnOn(subscriber: Subscriber, categories: readonly Category[]): Category[] {
    const fresh = categories.filter((category) => !subscriber.categories.has(category));
    for (const category of fresh) subscriber.categories.add(category);
    this.#watch();
    return fresh;
  }

  /** Gives what was on before. */
  turnOff(subscriber: Subscriber, categories: readonly Category[]): Category[] {
    const gone = categories.filter((category) => subscriber.categories.delete(category));
    this.#watch();
    return gone;
  }

  publish(name: string, text: string): void {
    const category = this.categories.find((candidate) => candidate.name === name)!;
    const line = eventLine(category, text);
    for (const { categories, tell } of this.#subscribers) if (categories.has(category)) tell(line);
  }

  addCategory(category: Category): void {
    this.#added.push(category);
  }

  removeCategory(category: Category): void {
    this.#added.splice(this.#added.indexOf(category), 1);
    for (const { categories } of this.#subscribers) categories.delete(category);
  }

  /** The engine tells of addresses only while somebody listens. */
  #watch(): void {
    const watched = [...this.#subscribers].some(({ categories }) =>
      [...categories].some(({ name }) => name.startsWith('hash/')),
    );
    if (watched !== this.#switch.macs.watched) this.#switch.macs.watched = watched;
  }
}
