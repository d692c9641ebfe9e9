// Bounds what the clients of one user may use: unfinished requests, joins per second, endpoints. root and the switch's
// own user are not limited: they could end the switch anyway.
import { SwitchError } from '../protocol/errors.ts';
import { isOwner } from '../system/accounts.ts';
import { UserCounts } from '../system/user-counts.ts';

/** What the clients of one user may use. */
export interface UserLimits {
  /** The most endpoints at a time; default 512. */
  endpoints?: number;
  /** The most joins per second, averaged over ten seconds; default 200. */
  joinsPerSecond?: number;
  /** The most clients at a time that have connected and sent no whole request yet; default 128. */
  unfinished?: number;
}

export const DEFAULT_USER_LIMITS: Required<UserLimits> = { endpoints: 512, joinsPerSecond: 200, unfinished: 128 };

/**
 * How many endpoints of a user have large send buffers. 512 clients that do not read would hold 208 MiB in the kernel
 * if all buffers were large; with 64 large buffers they hold 61 MiB.
 */
const LARGE_BUFFERS = 64;

/** How many seconds' worth of joins a user may save up. */
const BURST_SECONDS = 10;

interface Budget {
  /** How many joins the user could make at the time `countedAt` (milliseconds). */
  joins: number;
  countedAt: number;
}

type Counted = 'endpoints' | 'unfinished';
const NAMES: Readonly<Record<Counted, string>> = { endpoints: 'endpoints', unfinished: 'unfinished requests' };

export class UserQuotas {
  readonly #limits: Required<UserLimits>;
  readonly #counts: Readonly<Record<Counted, UserCounts>> = {
    endpoints: new UserCounts(),
    unfinished: new UserCounts(),
  };
  /** The joins of each user. A user without a budget has the full number of joins. */
  readonly #budgets = new Map<number, Budget>();

  constructor(limits: UserLimits = {}) {
    this.#limits = { ...DEFAULT_USER_LIMITS, ...limits };
  }

  /**
   * Counts a connection that has sent no request yet, until the returned function is called. Throws SwitchError ENOSPC
   * if the user has too many such connections, or no endpoint left to join with.
   */
  begin(uid: number): () => void {
    if (isOwner(uid)) return () => {};
    this.#check(uid, 'endpoints'); // so that nothing is read from a client that would be refused
    return this.#count(uid, 'unfinished');
  }

  /**
   * Counts a join, and its endpoint until the returned function is called. Throws SwitchError ENOSPC if the user has
   * too many endpoints or joins too often. `now` is in milliseconds.
   */
  join(uid: number, now: number): () => void {
    if (isOwner(uid)) return () => {};
    const { joinsPerSecond } = this.#limits;
    const budget = this.#budgetOf(uid, now);
    if (budget.joins < 1)
      throw new SwitchError('ENOSPC', `uid ${uid} joins more than ${joinsPerSecond} times a second`);
    budget.joins--;
    return this.#count(uid, 'endpoints');
  }

  /** Returns whether the endpoint that was counted last gets a small send buffer. */
  getsSmallBuffer(uid: number): boolean {
    return this.#counts.endpoints.of(uid) > LARGE_BUFFERS;
  }

  #count(uid: number, what: Counted): () => void {
    this.#check(uid, what);
    return this.#counts[what].add(uid);
  }

  #check(uid: number, what: Counted): void {
    const most = this.#limits[what];
    if (this.#counts[what].of(uid) >= most)
      throw new SwitchError('ENOSPC', `uid ${uid} has ${most} ${NAMES[what]}, as many as a user may have`);
  }

  /** Returns the budget of a user, after adding the joins that have become permitted since the last call. */
  #budgetOf(uid: number, now: number): Budget {
    const most = this.#limits.joinsPerSecond * BURST_SECONDS;
    let budget = this.#budgets.get(uid);
    if (!budget) {
      this.#forget(now);
      budget = { joins: most, countedAt: now };
      this.#budgets.set(uid, budget);
    }
    budget.joins = Math.min(most, budget.joins + ((now - budget.countedAt) / 1000) * this.#limits.joinsPerSecond);
    budget.countedAt = now;
    return budget;
  }

  /** Forgets the users who have not joined for so long that they again have the full number of joins. */
  #forget(now: number): void {
    for (const [uid, { countedAt }] of this.#budgets)
      if (now - countedAt >= BURST_SECONDS * 1000) this.#budgets.delete(uid);
  }
}
