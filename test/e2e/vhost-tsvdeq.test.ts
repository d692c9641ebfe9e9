// Guests that tsvdeq starts with --via vhost-user: the switch's console names the socket.
import { expect, test } from 'vitest';
import { GUEST_NEEDS, Guest, tsvdeqArguments } from '../support/guest.ts';
import { describeWith } from '../support/needs.ts';
import { start, tsvdeq } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';

async function boot(directory: string, via: string, number: number): Promise<Guest> {
  const args = ['--via', via, ...tsvdeqArguments(directory, { mac: `52:54:00:00:0e:0${number}` })];
  const guest = await Guest.booted(start(tsvdeq, args));
  await guest.setAddress(`10.9.3.${number}`);
  return guest;
}

describeWith(GUEST_NEEDS, 'guests by tsvdeq --via vhost-user', () => {
  test('guests by vhost-user and by datagrams reach each other', { timeout: 300_000 }, async () => {
    const home = temporaryDirectory();
    const port = `vhost-user,server=on,path=${home}/vu`;
    const { directory } = await startTsvde(['--mgmt', `${home}/mgmt`, '--port', port], { cwd: home });
    const guests = await Promise.all([boot(directory, 'vhost-user', 1), boot(directory, 'dgram', 2)]);
    expect(await guests[0]!.run('ping -c 5 -i 0.2 -W 10 10.9.3.2')).toContain(' 0% packet loss');
    expect(await guests[1]!.run('ping -c 5 -i 0.2 -W 10 10.9.3.1')).toContain(' 0% packet loss');
  });
});
