// Bounds what the clients of one user may use: unfinished requests, joins per second, endpoints. root and the switch's
// own user are not limited: they could end the switch anyway.
import { SwitchError } from '../protocol/errors.ts';
import { isOwner } from '../system/accounts.ts';

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

/** How many seconds' worth of joins a user may save up. */
const BURST_SECONDS = 10;

interface Use {
  endpoints: number;
  unfinished: number;
  /** How many joins the user could make at the time `countedAt` (milliseconds). */
  joins: number;
  countedAt: number;
}

type Counted = 'endpoints' | 'unfinished';
const NAMES: Readonly<Record<Counted, string>> = { endpoints: 'endpoints', unfinished: 'unfinished requests' };

export class UserQuotas {
  readonly #limits: Required<UserLimits>;
  readonly #uses = new Map<number, Use>();

  constructor(limits: UserLimits = {}) {
    this.#limits = { ...DEFAULT_USER_LIMITS, ...limits };
  }

  /**
   * Counts a connection that has sent no request yet, until the returned function is called. Throws SwitchError ENOSPC
   * if the user has too many such connections, or no endpoint left to join with. `now` is in milliseconds.
   */
  begin(uid: number, now: number): () => void {
    this.#check(uid, 'endpoints', now); // so that nothing is read from a client that would be refused
    return this.#count(uid, 'unfinished', now);
  }

  /**
   * Counts a join, and its endpoint until the returned function is called. Throws SwitchError ENOSPC if the user has too
   * many endpoints or joins too often.
   */
  join(uid: number, now: number): () => void {
    if (isOwner(uid)) return () => {};
    const { joinsPerSecond } = this.#limits;
    const use = this.#useOf(uid, now);
    if (use.joins < 1) throw new SwitchError('ENOSPC', `uid ${uid} joins more than ${joinsPerSecond} times a second`);
    use.joins--;
    return this.#count(uid, 'endpoints', now);
  }

  #count(uid: number, what: Counted, now: number): () => void {
    if (isOwner(uid)) return () => {};
    const use = this.#check(uid, what, now);
    use[what]++;
    let counted = true;
    return () => {
      if (counted) use[what]--;
      counted = false;
    };
  }

  #check(uid: number, what: Counted, now: number): Use {
    const use = this.#useOf(uid, now);
    const most = this.#limits[what];
    if (use[what] < most || isOwner(uid)) return use;
    throw new SwitchError('ENOSPC', `uid ${uid} has ${most} ${NAMES[what]}, as many as a user may have`);
  }

  /** Returns the Use of a user, after adding the joins that have become permitted since the last call. */
  #useOf(uid: number, now: number): Use {
    const most = this.#limits.joinsPerSecond * BURST_SECONDS;
    let use = this.#uses.get(uid);
    if (!use) {
      this.#forget(now);
      use = { endpoints: 0, unfinished: 0, joins: most, countedAt: now };
      this.#uses.set(uid, use);
    }
    use.joins = Math.min(most, use.joins + ((now - use.countedAt) / 1000) * this.#limits.joinsPerSecond);
    use.countedAt = now;
    return use;
  }

  /** Forgets the users who have used nothing for so long that they again have the full number of joins. */
  #forget(now: number): void {
    for (const [uid, { endpoints, unfinished, countedAt }] of this.#uses)
      if (endpoints + unfinished === 0 && now - countedAt >= BURST_SECONDS * 1000) this.#uses.delete(uid);
  }
}
