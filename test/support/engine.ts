// An engine without the switch around it.
import type { EngineEvent, EngineSettings, NativeEngine } from '../../src/system/engine.ts';
import { native } from '../../src/system/native.ts';
import { atEnd } from './at-end.ts';

export function engine(
  onEvent: (event: EngineEvent) => void = () => undefined,
  settings: Partial<EngineSettings> = {},
): NativeEngine {
  const how = { hub: false, strictVlan: false, takesBpdus: false, capture: false, macLimit: 100_000 };
  const times = { expireSeconds: 100, gcIntervalSeconds: 2, minPersistenceSeconds: 3, pacingMs: 0, busyPollUs: 0 };
  const queueMemory = 64 << 20;
  const made = new native.Engine({ ...how, ...times, queueMemory, ...settings }, onEvent);
  atEnd(() => made.close());
  return made;
}
