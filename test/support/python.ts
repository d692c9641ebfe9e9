// Short Python programs for things that Node cannot do: abstract sockets, and processes of another user.
import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Started, start } from './process.ts';

/**
 * Python code of a VDE client. data_socket(name) returns a bound socket; a name is a path, or bytes if it is abstract.
 * ask(ctl, name) asks the control socket for a port, and returns the stream and the reply, which is empty if the switch
 * refuses. address_in(reply) is the address to send frames to.
 */
export const JOIN = `
import socket, struct
def data_socket(name):
    data = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    data.bind(name)
    return data
def ask(ctl, name, port=0, description=b''):
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(ctl)
    address = struct.pack('=H108s', socket.AF_UNIX, name.encode() if isinstance(name, str) else name)
    stream.send(struct.pack('=III', 0xfeedface, 3, port << 8) + address + description)
    return stream, stream.recv(200)
def address_in(reply):
    return reply[2:].split(b'\\0')[0].decode()
`;

/** Starts a program; `readable` is a control directory to open to processes of any user. */
export async function python(program: string, options: { readable?: string } = {}): Promise<Started> {
  if (options.readable !== undefined) {
    chmodSync(dirname(options.readable), 0o755);
    chmodSync(options.readable, 0o755);
    chmodSync(`${options.readable}/ctl`, 0o666);
  }
  return start('python3', ['-c', program]);
}
