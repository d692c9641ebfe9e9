// What a test made is undone when it ends, also when it fails: the latest first.
import { afterAll, onTestFinished } from 'vitest';

type Undo = () => unknown;
const ofFile: Undo[] = [];

afterAll(async () => {
  for (const undo of ofFile.splice(0).reverse()) await undo();
});

/** At the end of the running test; made outside one, in a hook, at the end of the file. */
export function atEnd(undo: Undo): void {
  try {
    onTestFinished(async () => {
      await undo();
    });
  } catch {
    ofFile.push(undo);
  }
}
