// Scripts that the switch's user may not read. seteuid() needs the process's main thread.
import { chmodSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { ConsoleContext } from '../../src/console/command.ts';
import { runFile } from '../../src/console/execute.ts';
import { describeWith } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temporary.ts';

describeWith(['root'], "another user's script", () => {
  test('is refused with EACCES', async () => {
    const home = temporaryDirectory();
    const path = `${home}/s`;
    writeFileSync(path, 'help\n', { mode: 0o600 });
    chmodSync(home, 0o755);
    const context = { menus: [], log: () => {} } as unknown as ConsoleContext;
    process.seteuid!(1);
    const refused = expect(
      runFile(path, context, { level: 'full', subscriber: undefined, explained: false, say: async () => {} }),
    ).rejects.toMatchObject({
      code: 'EACCES',
      message: `cannot open '${path}': Permission denied`,
    });
    await refused.finally(() => process.seteuid!(0));
  });
});
