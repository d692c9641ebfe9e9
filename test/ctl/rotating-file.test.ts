import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fileName, RotatingFile } from '../../src/ctl/rotating-file.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** A block of `words` words besides its type and its two lengths; the content is `mark`. */
function block(type: number, words: number, mark = 0): Buffer {
  const bytes = Buffer.alloc(12 + 4 * words, mark);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(bytes.length, 4);
  bytes.writeUInt32LE(bytes.length, bytes.length - 4);
  return bytes;
}

const SECTION = block(0x0a0d0d0a, 4);
const INTERFACE = block(1, 2, 7);
const packet = (mark: number) => block(6, 22, mark); // 100 bytes

async function write(pieces: readonly Buffer[], rotation: { bytes: number; files: number | undefined }) {
  const home = temporaryDirectory();
  const file = new RotatingFile({ path: `${home}/file`, ...rotation });
  for (const piece of pieces) file.write(piece);
  file.end();
  await once(file, 'close');
  return Object.fromEntries(readdirSync(home).map((name) => [name, readFileSync(`${home}/${name}`)]));
}

test.each([1, 3, 50, 100_000])(
  'files begin with the section and all interfaces, in pieces of %i bytes',
  async (size) => {
    const all = Buffer.concat([
      SECTION,
      INTERFACE,
      packet(1),
      packet(2),
      packet(3),
      INTERFACE,
      packet(4),
      packet(5),
      packet(6),
    ]);
    const pieces = Array.from({ length: Math.ceil(all.length / size) }, (_, i) =>
      all.subarray(i * size, (i + 1) * size),
    );
    const head = Buffer.concat([SECTION, INTERFACE]);
    expect(await write(pieces, { bytes: head.length + 200, files: undefined })).toEqual({
      file: Buffer.concat([head, packet(1), packet(2)]),
      file1: Buffer.concat([head, packet(3), INTERFACE]),
      file2: Buffer.concat([head, INTERFACE, packet(4)]),
      file3: Buffer.concat([head, INTERFACE, packet(5)]),
      file4: Buffer.concat([head, INTERFACE, packet(6)]),
    });
  },
);

test('with a limit, the oldest file is replaced', async () => {
  const packets = Array.from({ length: 5 }, (_, i) => packet(i));
  const files = await write([SECTION, INTERFACE, ...packets], { bytes: 1, files: 2 });
  const head = Buffer.concat([SECTION, INTERFACE]);
  expect(files).toEqual({ file0: Buffer.concat([head, packet(4)]), file1: Buffer.concat([head, packet(3)]) });
});

test('names have the digits that the last one needs', () => {
  const name = (files: number, index: number) => fileName({ path: 'x', bytes: 1, files }, index);
  expect([name(10, 9), name(11, 9), name(11, 11), name(100, 7)]).toEqual(['x9', 'x09', 'x00', 'x07']);
});

test('a block with an impossible length and a file that cannot be opened are errors', async () => {
  const one = new RotatingFile({ path: `${temporaryDirectory()}/file`, bytes: 1, files: 1 });
  one.write(Buffer.alloc(12));
  expect((await once(one, 'error'))[0]).toMatchObject({
    message: 'the switch sends a block with an impossible length',
  });
  const two = new RotatingFile({ path: '/nonexistent/file', bytes: 1, files: 1 });
  two.write(SECTION);
  expect((await once(two, 'error'))[0]).toMatchObject({ code: 'ENOENT' });
});
