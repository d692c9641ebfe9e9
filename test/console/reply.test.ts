// Replies as text and as JSON, byte for byte.
import { describe, expect, test } from 'vitest';
import {
  asJson,
  codeLine,
  dataBlock,
  dataBlockOf,
  END_OF_SESSION,
  failureOf,
  greeting,
  PROMPT,
  plain,
  result,
  SUCCESS,
  textOf,
  versionLines,
} from '../../src/console/reply.ts';
import { SwitchError } from '../../src/protocol/errors.ts';

const failure = new SwitchError('EINVAL', 'a sentence');
const defect = new TypeError('a defect');

test('the words of a session are those of vde_switch', () => {
  expect(PROMPT).toBe('\nvde$ ');
  expect(SUCCESS).toBe('1000 Success');
  expect(END_OF_SESSION).toBe('9999 END OF SESSION');
  expect(greeting('2.3.3')).toBe('VDE switch V.2.3.3\ntsvde - MIT licence\n\nvde$ ');
  expect(versionLines('1')).toEqual(['VDE switch V.1', 'tsvde - MIT licence']);
});

test('a code has four digits and the text of its errno', () => {
  expect(codeLine()).toBe('1000 Success');
  expect(codeLine(failure)).toBe('1022 Invalid argument');
  expect(codeLine(new SwitchError('EPERM', ''))).toBe('1001 Operation not permitted');
  expect(codeLine(new SwitchError('EIO', ''))).toBe('1005 Input/output error');
});

test('a reply that is only a code has no data', () => {
  expect(result()).toEqual({ data: null, text: '', error: undefined });
  expect(result(failure)).toEqual({ data: null, text: '', error: failure });
  expect(textOf(result())).toBe('1000 Success\n');
  expect(textOf(result(failure))).toBe('1022 Invalid argument\n');
});

test('where there is no reply there is no text, and the last reply of a session has 9999 in place of a code', () => {
  expect(textOf(undefined)).toBe('');
  expect(textOf({ data: null, text: '', last: true })).toBe('9999 END OF SESSION');
  expect(textOf({ data: null, text: 'said\n', last: true })).toBe('said\n9999 END OF SESSION');
});

describe('a data block', () => {
  test('has its heading and the lines of each item', async () => {
    const format = (item: number) => (item === 1 ? 'one' : [`${item}`, 'more']);
    expect(await dataBlock([1, 2], { heading: ['HEAD', '===='], format })).toEqual({
      data: [1, 2],
      text: "0000 DATA END WITH '.'\nHEAD\n====\none\n2\nmore\n.\n",
      error: undefined,
    });
  });

  test('may be empty, and items are their own lines by default', async () => {
    expect(await dataBlock([])).toEqual({ data: [], text: "0000 DATA END WITH '.'\n.\n", error: undefined });
    expect((await dataBlock([1, 'two'])).text).toBe("0000 DATA END WITH '.'\n1\ntwo\n.\n");
  });

  test('ends at an error, with the items before it', async () => {
    function* items() {
      yield 'one';
      throw failure;
    }
    expect(await dataBlock(items())).toEqual({
      data: ['one'],
      text: "0000 DATA END WITH '.'\none\n.\n",
      error: failure,
    });
  });

  test('of one item is that item or null', async () => {
    const format = (item: { name: string }) => [item.name, 'second'];
    const frame = (lines: string) => `0000 DATA END WITH '.'\n${lines}.\n`;
    const item = { name: 'first' };
    expect(await dataBlockOf(() => item, format)).toEqual({
      data: item,
      text: frame('first\nsecond\n'),
      error: undefined,
    });
    expect(await dataBlockOf(() => undefined, format)).toEqual({ data: null, text: frame(''), error: undefined });
    const fails = () => {
      throw failure;
    };
    expect(await dataBlockOf(fails, format)).toEqual({ data: null, text: frame(''), error: failure });
  });

  test('lets a defect through', async () => {
    const breaks = () => {
      throw defect;
    };
    await expect(dataBlockOf(breaks, String)).rejects.toBe(defect);
    await expect(failureOf(breaks)).rejects.toBe(defect);
    await expect(failureOf(async () => breaks())).rejects.toBe(defect);
    expect(await failureOf(async () => Promise.reject(failure))).toBe(failure);
    expect(await failureOf(() => {})).toBeUndefined();
    const refused = Object.assign(new Error('ENOMEM'), { code: 'ENOMEM' }); // as the engine refuses a task
    expect(await failureOf(async () => Promise.reject(refused))).toMatchObject({ name: 'SwitchError', code: 'ENOMEM' });
  });
});

describe('JSON', () => {
  test('has the code, the errno, a sentence and the data', () => {
    expect(plain({ data: [1], text: '' })).toEqual({ code: 1000, errno: null, message: 'Success', data: [1] });
    expect(plain({ data: null, text: '', error: failure })).toEqual({
      code: 1022,
      errno: 'EINVAL',
      message: 'a sentence',
      data: null,
    });
    expect(plain({ data: null, text: '', last: true })).toEqual({
      code: 9999,
      errno: null,
      message: 'END OF SESSION',
      data: null,
    });
  });

  test('is one line in a data block, with the same code', () => {
    const reply = { data: { count: 2n ** 40n, name: 'a\n\x7f\x9b"é' }, text: 'text', error: failure };
    const { text, error, data } = asJson(reply);
    expect(error).toBe(failure);
    expect(data).toEqual({ code: 1022, errno: 'EINVAL', message: 'a sentence', data: reply.data });
    expect(text).toBe(
      "0000 DATA END WITH '.'\n" +
        `{"code":1022,"errno":"EINVAL","message":"a sentence","data":{"count":${2 ** 40},"name":"a\\n\\u007f\\u009b\\"é"}}` +
        '\n.\n',
    );
    expect(asJson({ data: null, text: '', last: true }).last).toBe(true);
  });
});
