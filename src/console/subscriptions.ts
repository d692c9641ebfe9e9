// The debug categories that each session has turned on. Events of addresses are numerous, so the engine reports them
// only while a session has a hash/ category on.
import type { Switch } from '../switch/switch.ts';
import { CATEGORIES, type Category, debugTextOf, eventLine } from './events.ts';

/** A session, and the categories that it has turned on. */
export interface Subscriber {
  readonly categories: Set<Category>;
  /** Shows a debug line without waiting. Lines for a session that does not read are lost. */
  tell(line: string): void;
}

export class Subscriptions {
  readonly #switch: Switch;
  readonly #subscribers = new Set<Subscriber>();
  /** The categories that loaded plugins added. */
  readonly #added: Category[] = [];
  #unwatch: (() => void) | undefined;

  constructor(sw: Switch) {
    this.#switch = sw;
    sw.on('event', (event) => {
      const debugText = debugTextOf(event);
      if (debugText) this.publish(...debugText);
    });
  }

  /** All categories, in the order of debug/list. */
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

  /** Turns categories on for a session. Returns the categories that were off before. */
  turnOn(subscriber: Subscriber, categories: readonly Category[]): Category[] {
    const added = categories.filter((category) => !subscriber.categories.has(category));
    for (const category of added) subscriber.categories.add(category);
    this.#watch();
    return added;
  }

  /** Turns categories off for a session. Returns the categories that were on before. */
  turnOff(subscriber: Subscriber, categories: readonly Category[]): Category[] {
    const removed = categories.filter((category) => subscriber.categories.delete(category));
    this.#watch();
    return removed;
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

  #watch(): void {
    const watched = [...this.#subscribers].some(({ categories }) =>
      [...categories].some(({ name }) => name.startsWith('hash/')),
    );
    if (watched && !this.#unwatch) this.#unwatch = this.#switch.macs.watch();
    if (watched || !this.#unwatch) return;
    this.#unwatch();
    this.#unwatch = undefined;
  }
}
