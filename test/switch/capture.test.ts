// Listeners of captured frames do not depend on each other.
import { describe, expect, test } from 'vitest';
import { Capture, type CapturedFrame } from '../../src/switch/capture.ts';
import type { NativeEngine } from '../../src/system/engine.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { until } from '../support/wait.ts';

const FIRST = '02:00:00:00:00:01';

/** A listener that keeps the marks of the frames it was given. */
function listener() {
  const marks: number[] = [];
  return { marks, hear: ({ bytes }: CapturedFrame) => void marks.push(bytes.readUInt32BE(14)) };
}

test.each([0, 1, 2])('when listener %d of three stops, the other two get every further frame', async (which) => {
  const { sw, join } = await network();
  const a = await join();
  const listeners = [listener(), listener(), listener()];
  const stops = listeners.map(({ hear }) => sw.capture.start(hear));
  a.send(frame(BROADCAST, FIRST, 60, 1));
  await until(() => listeners.every(({ marks }) => marks.length === 1), 'the first frame');
  stops[which]!();
  stops[which]!();
  a.send(frame(BROADCAST, FIRST, 60, 2));
  const others = listeners.toSpliced(which, 1);
  await until(() => others.every(({ marks }) => marks.length === 2), 'the second frame at the others');
  expect(others.map(({ marks }) => marks)).toEqual([
    [1, 2],
    [1, 2],
  ]);
  expect(listeners[which]!.marks).toEqual([1]);
});

describe('the engine', () => {
  test('copies frames from the first start to the last stop', () => {
    const said: unknown[] = [];
    const capture = new Capture({ configure: (options: unknown) => said.push(options) } as unknown as NativeEngine);
    const stops = [capture.start(() => {}), capture.start(() => {})];
    expect(said.at(-1)).toEqual({ capture: true });
    stops[1]!();
    expect(said.at(-1)).toEqual({ capture: true });
    stops[0]!();
    expect(said.at(-1)).toEqual({ capture: false });
    capture.start(() => {});
    expect(said.at(-1)).toEqual({ capture: true });
  });
});
