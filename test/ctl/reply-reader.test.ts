// The output of a console, in pieces of any size.
import { expect, test } from 'vitest';
import { type ConsoleEvent, ReplyReader } from '../../src/ctl/reply-reader.ts';

const GREETING = 'VDE switch V.2.3.2\n(C) somebody\n\n';
const PROMPT = '\nvde$ ';
const DATA = "0000 DATA END WITH '.'\n";
const OK = '1000 Success\n';

function read(pieces: Iterable<string>): ConsoleEvent[] {
  const reader = new ReplyReader();
  const events: ConsoleEvent[] = [];
  for (const piece of pieces) events.push(...reader.read(piece));
  return [...events, ...reader.end()];
}

/** Returns the events of a text that follows the greeting, without the greeting's event. */
function replies(text: string): ConsoleEvent[] {
  return read([`${GREETING}vde$ `, text]).slice(1);
}

const reply = (lines: string[], errno = 0, words = 'Success') => ({
  type: 'reply',
  reply: { errno, words, lines, ended: false },
});

test.each([
  ['success', OK + PROMPT, [reply([])]],
  ['an error', `1017 File exists\n${PROMPT}`, [reply([], 17, 'File exists')]],
  ['data', `${DATA}one\ntwo\n.\n${OK}${PROMPT}`, [reply(['one', 'two'])]],
  ['data and an error', `${DATA}.\n1006 No such device\n${PROMPT}`, [reply([], 6, 'No such device')]],
  ['a comment', PROMPT, [{ type: 'reply', reply: { errno: undefined, words: '', lines: [], ended: false } }]],
  ['empty lines in data', `${DATA}one\n\n\ntwo\n\n.\n${OK}${PROMPT}`, [reply(['one', '', '', 'two', ''])]],
  [
    'codes and prompts in data',
    `${DATA}1017 x\n3021 y\nvde$ \n0000\n.\n${OK}${PROMPT}`,
    [reply(['1017 x', '3021 y', 'vde$ ', '0000'])],
  ],
  [
    'debug lines before, between and after replies',
    `3021 port/+ 01\n${OK}3022 port/- 01\n${PROMPT}3031 port/ep/+ Port 01 FD  7\n${DATA}x\n.\n${OK}${PROMPT}`,
    [
      { type: 'debug', line: '3021 port/+ 01' },
      { type: 'debug', line: '3022 port/- 01' },
      reply([]),
      { type: 'debug', line: '3031 port/ep/+ Port 01 FD  7' },
      reply(['x']),
    ],
  ],
  [
    "a script's transcript",
    `vde[/s]: port/create 9\n${OK}vde[/s]: \n\n1038 Function not implemented\nvde[/s]: port/print\n${DATA}Port\n.\n${OK}${OK}${PROMPT}`,
    [
      reply([
        'vde[/s]: port/create 9',
        '1000 Success',
        'vde[/s]: ',
        '',
        '1038 Function not implemented',
        'vde[/s]: port/print',
        'Port',
        '1000 Success',
      ]),
    ],
  ],
])('the reader recognises %s', (_, text, expected) => {
  expect(replies(text)).toEqual(expected);
});

test('every split into two pieces, and single bytes, give the same events', () => {
  const text = `${GREETING}vde$ ${DATA}1017 x\n\n.\n${OK}${PROMPT}3021 port/+ 01\n1017 File exists\n${PROMPT}9999 END OF SESSION`;
  const whole = read([text.slice(0, GREETING.length + 5), text.slice(GREETING.length + 5)]);
  expect(whole).toHaveLength(5);
  for (let at = GREETING.length + 5; at < text.length; at++)
    expect(read([text.slice(0, GREETING.length + 5), text.slice(GREETING.length + 5, at), text.slice(at)])).toEqual(
      whole,
    );
  expect(read(text)).toEqual(whole);
});

test('the end of a session has no prompt', () => {
  expect(replies('9999 END OF SESSION')).toEqual([
    { type: 'reply', reply: { errno: undefined, words: '', lines: [], ended: true } },
  ]);
  expect(replies('1000 Succ')).toEqual([]);
});

test("the reader accepts another program's prompt", () => {
  const events = read(['\nVDE wirefilter V.2.3.2\n\nVDEwf$ ', `${DATA}loss\n.\n${OK}\nVDEwf$ `]);
  expect(events).toEqual([{ type: 'greeting', text: '\nVDE wirefilter V.2.3.2\n\n' }, reply(['loss'])]);
});

test('long output without a prompt is not a console', () => {
  expect(() => read(['x'.repeat(5000)])).toThrow('no prompt in 4096 characters');
});
