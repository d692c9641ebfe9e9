// README's first example in a clean root, without its guests: the lines that start the switch and set up its TAP. Two
// clients take the guests' places; frames must pass from each client to the other and between a client and the TAP.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root as checkout } from '../set-up.mjs';

function firstLines() {
  const readme = readFileSync(join(checkout, 'README.md'), 'utf8');
  const [, block] = /^## The host and two guests[\s\S]*?^```sh\n([\s\S]*?)^```$/m.exec(readme);
  return block.split('\n').filter((line) => /^(tsvde|ip) /.test(line));
}

/** `frame SOURCE` is a broadcast from 02:00:00:00:00:SOURCE, in the format of `tsvde plug`. */
const FUNCTIONS = String.raw`
frame() { printf '\0\x3c\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x'$1'\x88\xb5'; head -c 46 /dev/zero; }
# Returns whether the output of a client contains a text of hexadecimal digits.
saw() { od -An -tx1 -v $1 | tr -d ' \n' | grep -q $2; }
passed() {
  saw /tmp/b.out 02000000000a88b5 && saw /tmp/a.out 02000000000b88b5 &&
    saw /tmp/a.out 08060001 && saw /tmp/b.out 08060001 &&
    ip -s link show qtap | grep -A1 RX: | tail -1 | awk '{ exit !($2 >= 2) }'
}
`;

export function exampleScript() {
  return `${FUNCTIONS}
${firstLines().join('\n')}
mkfifo /tmp/a /tmp/b
tsvde plug /run/qtap-ctl < /tmp/a > /tmp/a.out & first=$!
tsvde plug /run/qtap-ctl < /tmp/b > /tmp/b.out & second=$!
exec 5> /tmp/a 6> /tmp/b
# Each client sends frames, and the kernel sends ARP requests on the TAP, until the clients' frames have reached the other
# client and the host, and the ARP requests have reached both clients.
for i in {1..300}; do
  frame 0a >&5; frame 0b >&6; echo hello > /dev/udp/10.9.0.7/9 || true
  ! passed || break
  sleep 0.1
done
passed
tsvdectl -M /run/qtap-mgmt port/print 1
kill $(cat /run/qtap.pid)
wait $first $second || true
for i in {1..100}; do [ -e /run/qtap-ctl ] || break; sleep 0.1; done
[ ! -e /run/qtap-ctl ]
`;
}
