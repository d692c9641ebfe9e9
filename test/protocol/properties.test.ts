// Rules that hold for every input of the parsers that read what clients, guests, peers and users write: they return or
// refuse, and whatever they accept means the same when it is written again. fast-check makes the inputs.
// FAST_CHECK_RUNS sets how many.
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { parsePortRequest } from '../../src/backends/kinds.ts';
import { formatHostForward, guestForward, hostForward } from '../../src/backends/user/forward.ts';
import { net4, net6 } from '../../src/backends/user/network.ts';
import { parseLine } from '../../src/console/parse.ts';
import { PcapngCounter } from '../../src/ctl/pcapng-counter.ts';
import { type ConsoleEvent, ReplyReader } from '../../src/ctl/reply-reader.ts';
import { decodeBpdu, encodeBpdu } from '../../src/fstp/bpdu.ts';
import { SwitchError } from '../../src/protocol/errors.ts';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../../src/protocol/ip.ts';
import { parseMac } from '../../src/protocol/mac.ts';
import { isName, nameFrom, nameIn } from '../../src/protocol/names.ts';
import { formatStreamFrame, StreamReader } from '../../src/protocol/plug-stream.ts';
import { parsePortSpec } from '../../src/protocol/port-spec.ts';
import { printable } from '../../src/protocol/printable.ts';
import { addressPath, formatRequest, parseRequest } from '../../src/protocol/request.ts';
import { decodeWord, encodeWord } from '../../src/protocol/surrogate-escape.ts';

fc.configureGlobal({ numRuns: Number(process.env.FAST_CHECK_RUNS ?? 300) });

const bytes = (maxLength = 300) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
/** Text that is near to what the parsers expect: words of their grammars, digits and separators, in any order. */
const near = (...words: string[]) =>
  fc
    .array(
      fc.oneof(
        fc.constantFrom(...words, ':', '-', ',', '=', '[', ']', '/', '.', '0', '1', '255', '65536'),
        fc.string(),
      ),
    )
    .map((parts) => parts.join(''));
/** Runs a parser that may refuse by a SwitchError, and by nothing else. */
const mayRefuse = (parse: () => unknown) => {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SwitchError) return undefined;
    throw error;
  }
};
const holds = (property: fc.IRawProperty<unknown>) => fc.assert(property as fc.IProperty<unknown>);

describe('clients', () => {
  const request = fc.record({ magic: fc.constant(Buffer.from('cefaedfe', 'hex')), rest: bytes(260) });

  test('a request is complete, incomplete or refused, and more bytes never make a refused one complete', () => {
    holds(
      fc.property(
        fc.oneof(
          bytes(),
          request.map(({ magic, rest }) => Buffer.concat([magic, rest])),
        ),
        (message) => {
          const whole = parseRequest(message);
          if (whole.outcome !== 'complete') return true;
          const { address, description } = whole.request;
          addressPath(address);
          const outcomes = [4, 8, 100].map((size) => parseRequest(message.subarray(0, size)).outcome);
          return address.length === 110 && typeof description === 'string' && !outcomes.includes('refused');
        },
      ),
    );
  });

  test('a request that is written is read as it was', () => {
    const wanted = fc.oneof(fc.constant({ kind: 'any' } as const), fc.nat(0x7fffff).map((number) => ({ kind: 'number', number }) as const)); // biome-ignore format: a row
    const path = fc.stringMatching(/^\/[a-z]{1,80}$/);
    holds(
      fc.property(wanted, path, fc.stringMatching(/^[ -~]{0,120}$/), (wanted, path, description) => {
        const address = Buffer.alloc(110);
        address.writeUInt16LE(1, 0);
        address.write(path, 2);
        const parsed = parseRequest(formatRequest({ wanted, address, description }));
        return (
          parsed.outcome === 'complete' &&
          JSON.stringify(parsed.request.wanted) === JSON.stringify(wanted) &&
          addressPath(parsed.request.address)!.toString() === path &&
          parsed.request.description === description
        );
      }),
    );
  });

  test('a name that a description asks for is a name', () => {
    holds(fc.property(near('name=', ' ', 'user=', 'a-b'), (text) => {
      const names = [nameIn(text), nameFrom(text)].filter((name) => name !== undefined);
      return names.every(isName) && !/\p{Cc}/u.test(printable(text));
    })); // biome-ignore format: a row
  });
});

describe('guests and peers', () => {
  test('a BPDU is decoded or ignored, and is encoded as it was decoded', () => {
    const mac = '00:ff:01:02:03:04';
    const llc = Buffer.from('0180c200000000ff0102030400274242030000000202', 'hex');
    holds(
      fc.property(
        fc.oneof(
          bytes(80),
          bytes(40).map((rest) => Buffer.concat([llc, rest])),
        ),
        (frame) => {
          const bpdu = decodeBpdu(frame);
          return !bpdu || JSON.stringify(decodeBpdu(encodeBpdu(bpdu, { mac }))) === JSON.stringify(bpdu);
        },
      ),
    );
  });

  test('a stream gives the same frames however it is cut', () => {
    const frames = fc.array(fc.uint8Array({ minLength: 14, maxLength: 200 }), { maxLength: 8 });
    holds(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (frames, cuts) => {
        let stream = Buffer.concat(frames.map(formatStreamFrame));
        const reader = new StreamReader();
        const read: Buffer[] = [];
        for (let i = 0; stream.length > 0; i++) {
          const size = cuts[i % cuts.length]!;
          read.push(...reader.read(stream.subarray(0, size)));
          stream = stream.subarray(size);
        }
        return read.length === frames.length && read.every((frame, i) => frame.equals(frames[i]!));
      }),
    );
    holds(fc.property(bytes(), (chunk) => void mayRefuse(() => new StreamReader().read(chunk))));
  });

  test('a capture that is cut anywhere is counted without an error', () => {
    holds(fc.property(fc.array(bytes(64)), (pieces) => {
      const counter = new PcapngCounter();
      for (const piece of pieces) mayRefuse(() => counter.read(piece));
      return counter.frames >= 0;
    })); // biome-ignore format: a row
  });
});

describe('users', () => {
  test('a spec is accepted or refused by a sentence', () => {
    const specs = near('user', 'tap', 'stream', 'dgram', 'socket', 'vde', 'ifname=', 'server=on', 'addr.type=', 'unix', 'hostfwd=', 'guestfwd=', 'net=', 'help'); // biome-ignore format: a row
    holds(fc.property(specs, (spec) => void [parsePortSpec, parsePortRequest].map((parse) => mayRefuse(() => parse(spec))))); // biome-ignore format: a row
  });

  test('a forward that is accepted is written as a forward that means the same', () => {
    holds(
      fc.property(near('tcp', 'udp', 'unix', '127.0.0.1', '[::1]', '/run/s', 'cmd'), (text) => {
        guestForward.parse(text);
        const parsed = hostForward.parse(text);
        return !parsed || JSON.stringify(hostForward.parse(formatHostForward(parsed))) === JSON.stringify(parsed);
      }),
    );
  });

  test('addresses and networks are read as they are written', () => {
    holds(fc.property(fc.nat(0xffffffff), (address) => parseIpv4(formatIpv4(address)) === address));
    holds(fc.property(fc.bigInt(0n, 2n ** 128n - 1n), (address) => parseIpv6(formatIpv6(address)) === address));
    holds(
      fc.property(near('fe80::', '10.0.2.0', 'ff:00:11', '::'), (text) => {
        for (const parse of [parseIpv4, parseIpv6, net4.parse, net6.parse, parseMac]) mayRefuse(() => parse(text));
      }),
    );
  });

  test('a line of the console is a command or nothing', () => {
    holds(fc.property(near('port/', 'help', ' ', '\t', '#', '\0'), (line) => void parseLine(line)));
  });

  test('an argument of any bytes is the same bytes again', () => {
    holds(fc.property(bytes(), (word) => encodeWord(decodeWord(word)).equals(word)));
  });

  test('a console that says anything is read, and pieces make no difference', () => {
    const said = near(
      'vde$ ',
      '\nvde$ ',
      "0000 DATA END WITH '.'\n",
      '\n.\n',
      '1000 Success\n',
      '3001 x\n',
      '9999 END OF SESSION',
    );
    const read = (pieces: readonly string[]) => {
      const reader = new ReplyReader();
      return pieces.flatMap(
        (piece): ConsoleEvent[] => (mayRefuse(() => [...reader.read(piece)]) as ConsoleEvent[]) ?? [],
      );
    };
    holds(fc.property(said, (text) => void read([text])));
  });
});
