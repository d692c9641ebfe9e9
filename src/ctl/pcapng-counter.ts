// Counts the frames in a pcapng stream, and the lost frames that its statistics report, without keeping the stream.

const ENHANCED_PACKET = 6;
const INTERFACE_STATISTICS = 5;
const DROPPED = 5;
const BLOCK_HEAD = 8;
const STATISTICS_HEAD = 20;
/** The size of the longest block whose contents are read, in bytes. */
const KEPT_MAX = 4096;

/** Counts in streams of little-endian byte order, which is the byte order of every host that tsvde runs on. */
export class PcapngCounter {
  frames = 0;
  lost = 0;
  /** The bytes so far of a block whose header or contents are being read. */
  #kept = Buffer.alloc(0);
  /** How many bytes remain of a block whose contents are not read. */
  #skip = 0;

  read(piece: Buffer): void {
    let rest = piece;
    while (rest.length > 0) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, rest.length);
        this.#skip -= skipped;
        rest = rest.subarray(skipped);
        continue;
      }
      const wanted = this.#wanted() - this.#kept.length;
      this.#kept = Buffer.concat([this.#kept, rest.subarray(0, wanted)]);
      rest = rest.subarray(wanted);
      this.#look();
    }
  }

  /** Returns how many bytes from the beginning of the block are needed next. */
  #wanted(): number {
    if (this.#kept.length < BLOCK_HEAD) return BLOCK_HEAD;
    return this.#kept.readUInt32LE(4);
  }

  #look(): void {
    if (this.#kept.length < BLOCK_HEAD) return;
    const size = this.#kept.readUInt32LE(4);
    const type = this.#kept.readUInt32LE(0);
    if (type === INTERFACE_STATISTICS && size <= KEPT_MAX) {
      if (this.#kept.length < size) return;
      this.#readStatistics(this.#kept);
    } else {
      if (type === ENHANCED_PACKET) this.frames++;
      this.#skip = Math.max(size, BLOCK_HEAD) - this.#kept.length;
    }
    this.#kept = Buffer.alloc(0);
  }

  #readStatistics(block: Buffer): void {
    for (let at = STATISTICS_HEAD; at + 4 < block.length; ) {
      const size = block.readUInt16LE(at + 2);
      if (block.readUInt16LE(at) === DROPPED && size === 8) this.lost += Number(block.readBigUInt64LE(at + 4));
      at += 4 + Math.ceil(size / 4) * 4;
    }
  }
}
