// Clean-up at the end of a test, whether it passes or fails. The step that was registered last runs first.
import { afterAll, onTestFinished } from 'vitest';

type Undo = () => unknown;
const ofTheFile: Undo[] = [];

afterAll(async () => {
  for (const undo of ofTheFile.splice(0).reverse()) await undo();
});

/** Runs `undo` at the end of the running test or, when called in a hook, at the end of the file. */
export function atEnd(undo: Undo): void {
  try {
    onTestFinished(async () => {
      await undo();
    });
  } catch {
    ofTheFile.push(undo);
  }
}
