// Checks of tsvde's own parts and of the libraries that they open, by using each once.
import { compileFilter } from '../../switch/capture-filter.ts';
import { Switch } from '../../switch/switch.ts';
import { TSVDE_VERSION } from '../../system/version.ts';
import { type Found, lacking, ok, wrong } from './finding.ts';

/** Starts a switch without ports. */
export async function checkSwitch(): Promise<Found[]> {
  try {
    await new Switch().close();
    return [ok(`tsvde ${TSVDE_VERSION} starts a switch, with Node ${process.versions.node}`)];
  } catch (error) {
    return [wrong(`tsvde cannot start a switch: ${(error as Error).message}`, 'install tsvde again')];
  }
}

/** Attaches a user-mode network to a switch. */
export async function checkSlirp(): Promise<Found[]> {
  let sw: Switch | undefined;
  try {
    sw = new Switch();
    await sw.attach({ kind: 'user' });
    return [ok('libslirp works: --port user gives guests a network')];
  } catch (error) {
    return [
      lacking(
        `--port user cannot be used: ${(error as Error).message}`,
        'install libslirp0 (Debian, Ubuntu) or libslirp',
      ),
    ];
  } finally {
    await sw?.close();
  }
}

/** Compiles a filter. */
export async function checkPcap(): Promise<Found[]> {
  try {
    await compileFilter('tcp port 80');
    return [ok('libpcap works: captures can have filters')];
  } catch (error) {
    return [
      lacking(
        `captures cannot have filters: ${(error as Error).message}`,
        'install libpcap0.8 (Debian, Ubuntu) or libpcap',
      ),
    ];
  }
}
