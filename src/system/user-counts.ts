// Counts things of each user, such as sessions or endpoints, until they end. The caller decides how many are too many.

export class UserCounts {
  readonly #counts = new Map<number | undefined, number>();

  /** Returns how many things the user has. A uid is undefined if the kernel does not report it. */
  of(uid: number | undefined): number {
    return this.#counts.get(uid) ?? 0;
  }

  /** Counts one more thing of a user, until the returned function is called; idempotent. */
  add(uid: number | undefined): () => void {
    this.#counts.set(uid, this.of(uid) + 1);
    let counted = true;
    return () => {
      if (!counted) return;
      counted = false;
      const left = this.of(uid) - 1;
      if (left > 0) this.#counts.set(uid, left);
      else this.#counts.delete(uid);
    };
  }
}
