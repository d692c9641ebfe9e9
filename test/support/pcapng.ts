// Reads pcapng files. Shares no code with the engine's writer.

export interface CapturedPacket {
  /** The name of the packet's interface. */
  port: string;
  /** The direction as in the file: 1 is inbound, 2 is outbound. */
  direction: number;
  bytes: Buffer;
  size: number;
}

export interface CaptureFile {
  interfaces: { name: string; description: string }[];
  packets: CapturedPacket[];
  lost: number;
}

export function readPcapng(file: Buffer): CaptureFile {
  const interfaces: CaptureFile['interfaces'] = [];
  const packets: CapturedPacket[] = [];
  let lost = 0;
  for (let at = 0; at < file.length; ) {
    const size = file.readUInt32LE(at + 4);
    if (at + size > file.length || file.readUInt32LE(at + size - 4) !== size) throw new Error(`a bad block at ${at}`);
    const block = file.subarray(at, at + size);
    switch (block.readUInt32LE(0)) {
      case 1: {
        const found = options(block, 16);
        interfaces.push({ name: String(found.get(2) ?? ''), description: String(found.get(3) ?? '') });
        break;
      }
      case 5:
        lost += Number(options(block, 20).get(5)!.readBigUInt64LE());
        break;
      case 6: {
        const length = block.readUInt32LE(20);
        packets.push({
          port: interfaces[block.readUInt32LE(8)]!.name,
          direction: options(block, 28 + Math.ceil(length / 4) * 4)
            .get(2)!
            .readUInt32LE(),
          bytes: block.subarray(28, 28 + length),
          size: block.readUInt32LE(24),
        });
      }
    }
    at += size;
  }
  return { interfaces, packets, lost };
}

function options(block: Buffer, at: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  while (at + 4 < block.length) {
    const [code, size] = [block.readUInt16LE(at), block.readUInt16LE(at + 2)];
    if (code === 0) break;
    found.set(code, block.subarray(at + 4, at + 4 + size));
    at += 4 + Math.ceil(size / 4) * 4;
  }
  return found;
}
