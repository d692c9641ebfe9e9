// Opens a plug on a port of a switch in the same process, through a pair of sockets instead of a control directory.
import { checkPlugOptions, type PlugOptions } from '../plug/join.ts';
import { Plug } from '../plug/plug.ts';
import { native } from '../system/native.ts';
import type { Reservation, Reservations } from '../system/reservation.ts';

/** Which port a plug of this program takes, and how it describes itself. */
export type OwnPlugOptions = Omit<PlugOptions, 'port'> & {
  /** The port, given by its number or, if it exists already, by its name; any free port if absent. */
  port?: number | string;
};

/** The size of the buffer between the engine and a plug, in bytes; the same as an ordinary socket's. */
const PLUG_BUFFER_BYTES = 212_992;

/**
 * Opens a plug. While the plug is open, `children` contains the function that closes it. Throws SwitchError EINVAL,
 * EADDRINUSE, EACCES, ENOSPC.
 */
export function openPlug(
  reservations: Reservations,
  children: Set<() => unknown>,
  { port, ...options }: OwnPlugOptions,
  portNamed: (name: string) => number,
): Plug {
  checkPlugOptions(options);
  const { description = '' } = options;
  const number = typeof port === 'string' ? portNamed(port) : port;
  const wanted = number === undefined ? ({ kind: 'any' } as const) : ({ kind: 'number', number } as const);
  const reservation = reservations.forClient(wanted, process.geteuid?.() ?? 0, 'plug');
  try {
    return plugInto(reservation, children, description);
  } catch (error) {
    reservation.cancel();
    throw error;
  }
}

function plugInto(reservation: Reservation, children: Set<() => unknown>, description: string): Plug {
  const [ours, theirs] = native.datagramPair(PLUG_BUFFER_BYTES);
  let end = () => {};
  try {
    reservation.attach({ transport: { kind: 'datagram', fd: ours }, description, ended: () => end() });
  } catch (error) {
    native.closeDescriptor(theirs);
    throw error;
  }
  const disconnect = () => {
    children.delete(end);
    reservation.release();
  };
  const plug = Plug.over({ fd: theirs, port: reservation.port, switchPath: '', disconnect });
  end = () => plug.end();
  children.add(end);
  return plug;
}
