// Programs that start a switch from a shell: their exact command lines, the files they look at, and how they join and
// end the switch. Each has its own network, processes, /tmp and /run. Further programs that start a switch are in
// handshakes.test.ts and compat.test.ts; programs that talk to a running switch are in drivers.test.ts.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * A network, processes, /tmp and /run of its own, in which the script $1 runs: as root, or as $ME with the TAPs $TAPS,
 * which root has made for that user.
 */
const SETTING = `set -e
mount --bind "$ROOT" /mnt; export PATH=/mnt/bin/compat:$PATH # the tmpfs would hide a checkout in /tmp
mount -t tmpfs -o mode=1777 tmpfs /tmp; mount -t tmpfs tmpfs /run; ip link set lo up; cd /tmp
[ "$ME" = root ] && exec bash -c "$1"
for tap in $TAPS; do ip tuntap add $tap mode tap user "$ME"; ip link set $tap up; done
exec setpriv --reuid "$ME" --regid "$ME" --groups users bash -c "$1"
`;

/** Shell functions: `joins` starts a client of libvdeplug that stays; `here`, `gone`, `listens` and `ends` wait. */
const PRELUDE = `set -e
gone() { while [ -e "$1" ]; do sleep 0.02; done; }
here() { until [ -e "$1" ]; do sleep 0.02; done; }
listens() { until grep -q " 00010000 .* $1$" /proc/net/unix; do sleep 0.02; done; }
ends() { while kill -0 "$1" 2>/dev/null; do sleep 0.02; done; }
ask() {
  coproc unixterm "$1"; local pid=$COPROC_PID line; printf '%s\\n' "$2" >&"\${COPROC[1]}"
  while IFS= read -r line; do echo "$line"; case "$line" in 1[0-9][0-9][0-9]\\ *|*'$ '1[0-9][0-9][0-9]\\ *) break;; esac; done <&"\${COPROC[0]}"
  kill $pid 2>/dev/null || :; wait $pid 2>/dev/null || :
}
joins() { sleep 60 | vde_plug "$@" >/dev/null & }
mode() { stat -c '%a %G' "$1"; }
`;

/** The output of each program as root, and as another user if more differs than the user's name. */
const ROWS: [program: string, script: string, says: string | RegExp, saysAsUser?: string][] = [
  [
    'attest can poll for the directory',
    `sleep 60 | vde_switch --sock /tmp/D --dirmode 0700 --hub & here /tmp/D/ctl
     mode /tmp/D; kill $(pidof vde_switch); gone /tmp/D`,
    '700 root\n',
  ],
  [
    'Kathará can kill the switch by its pid file and remove its directory',
    `mkdir -p /tmp/katharanp/kt-0123456789ab; cd /tmp/katharanp/kt-0123456789ab
     vde_switch -n 65535 -x -d -s /tmp/katharanp/kt-0123456789ab/ctl -p /tmp/katharanp/kt-0123456789ab/pid
     stat -c %F pid; kill -9 $(cat pid); cd /; rm -rf /tmp/katharanp/kt-0123456789ab; ls /tmp/katharanp`,
    'regular file\n',
  ],
  [
    'Marionnet can use a TAP, spanning tree, an rc file and slirpvde',
    `echo 'port/create 2' >F
     sleep 60 | vde_switch -tap T -n 5 -mod 777 --fstp --rcfile F -unix /tmp/S --mgmt /tmp/S-mgmt & here /tmp/S-mgmt
     slirpvde --mod 777 --unix /tmp/S --network 10.0.2.0/24 --dhcp >/dev/null & until ask /tmp/S-mgmt port/print | grep slirpvde; do :; done
     ask /tmp/S-mgmt fstp/showinfo | grep FSTP; mode /tmp/S/ctl; ls /sys/class/net; kill %2; kill $(pidof vde_switch); gone /tmp/S; gone /tmp/S-mgmt`,
    / module unix prog {3}: slirpvde: user=root pid=\d+\nFSTP=true\n777 root\nT\nlo\n$/,
  ],
  [
    'Lima can use options with =, no stdin and pkill -F',
    `vde_switch --pidfile=/tmp/shared_switch.pid --sock=/tmp/shared.ctl --group=users --dirmode=0770 --nostdin </dev/null &
     here /tmp/shared_switch.pid; here /tmp/shared.ctl/ctl; mode /tmp/shared.ctl; pkill -F /tmp/shared_switch.pid; wait $!; ls /tmp`,
    '1770 users\n',
  ],
  [
    'LKL finds its TAP when the command returns',
    `vde_switch -d -t lkl0 -s /tmp/S -p /tmp/S.pid
     ls /sys/class/net; [ $ME != root ] || ip link set lkl0 up; cat /sys/class/net/lkl0/carrier; kill $(cat /tmp/S.pid); gone /tmp/S`,
    'lkl0\nlo\n1\n',
  ],
  [
    'picoTCP can use a hub with a TAP and shut it down from the console',
    `vde_switch -s /tmp/pic0.ctl -m 777 -M /tmp/pico.mgmt -d -hub -t vde0
     mode /tmp/pic0.ctl/ctl; ask /tmp/pico.mgmt port/showinfo | grep HUB; (printf shutdown; sleep 0.3) | unixterm /tmp/pico.mgmt | tail -c 19; gone /tmp/pic0.ctl`,
    '777 root\nHUB=true\n9999 END OF SESSION',
  ],
  [
    'Samba can kill the switch by its pid file when the command returns',
    `vde_switch --pidfile /tmp/vde.pid --sock /tmp/vde.sock --daemon; kill -9 $(cat /tmp/vde.pid); ls vde.sock`,
    'ctl\n',
  ],
  [
    'ktest can keep a pipe open on stdin',
    `mkfifo fifo; exec 3<>fifo; tail -f fifo | vde_switch -sock net & here net/ctl; [ -e net ]; kill $(pidof vde_switch); gone net`,
    '',
  ],
  [
    'Arch can use the default directory and a group',
    `vde_switch -tap tap0 -daemon -mod 660 -group users; mode $DIR; mode $DIR/ctl; kill $(pidof vde_switch); gone $DIR`,
    '3770 users\n660 users\n',
  ],
  [
    '86Box can join as any user, with its own socket mode',
    `sleep 60 | vde_switch --mode 666 --numports 8 --mgmt /tmp/vde.mgmt --mgmtmode 666 -s /tmp/vde.ctl & here /tmp/vde.mgmt
     $DAEMON sh -c "sleep 60 | vde_plug -D '86Box virtual card' -m 0700 /tmp/vde.ctl >/dev/null &"
     until ask /tmp/vde.mgmt port/print | grep 86Box; do :; done; ask /tmp/vde.mgmt port/print | grep -o 'Current User: [^ ]*'; kill $(pidof vde_switch)`,
    / {3}: 86Box virtual card user=(daemon|1) pid=\d+\n Current User: daemon\n|Current User: daemon\n$/,
  ],
  [
    'VirtualBox can join a port by DIR[N]',
    `sleep 60 | vde_switch -s /tmp/switch1 & listens /tmp/switch1/ctl; joins '/tmp/switch1[7]'; here /tmp/switch1/007.1; ls /tmp/switch1; kill $(pidof vde_switch)`,
    '007.1\nctl\n',
  ],
  [
    'OpenMesh can use hubs with unknown commands in the rc file, joined by wirefilter',
    `printf 'port/create 1\\nport/setcolourful 1\\n' >colourful.rc
     for i in 1 2; do vde_switch -d --hub --sock num\${i}.ctl -f colourful.rc; done; sleep 60 | wirefilter -v num1.ctl:num2.ctl >/dev/null &
     here num1.ctl/002.1; here num2.ctl/002.1; joins 'num1.ctl[1]'; here num1.ctl/001.2; ls num1.ctl num2.ctl; kill $(pidof vde_switch); gone num1.ctl; gone num2.ctl`,
    'num1.ctl:\n001.2\n002.1\nctl\n\nnum2.ctl:\n002.1\nctl\n',
  ],
  [
    'a script can write all options in full',
    `vde_switch --daemon --nostdin --numports 64 --sock /tmp/D --pidfile /tmp/P --dirmode 0700 --mode 0600; mode /tmp/D; mode /tmp/D/ctl; kill $(cat P); gone D; gone P`,
    '700 root\n600 root\n',
  ],
  [
    'a script can find the switch by pgrep -f and in /proc',
    `sock=/tmp/vde; vde_switch -daemon -sock $sock; pid=$(pgrep -f "vde_switch.*-sock $sock"); grep -c vde_switch /proc/$pid/cmdline; cat /proc/$pid/comm; killall vde_switch; gone vde`,
    '1\nvde_switch\n',
  ],
  [
    'remotelabz can kill the switch, remove its files and start it again',
    `for i in 1 2; do vde_switch -s X --mgmt X.mgmt -daemon -p X.pid; ask X.mgmt port/showinfo | grep Numports; kill -KILL $(cat X.pid); ends $(cat X.pid); rm X.pid; rm X/ctl; rm X.mgmt; done; ls`,
    'Numports=32\nNumports=32\nX\n',
  ],
  [
    'a script can name several TAPs with commas',
    `vde_switch -daemon -hub -sock /tmp/tapsock -tap tap0,tap1; ls /sys/class/net; pkill -x vde_switch; gone /tmp/tapsock; ls /sys/class/net`,
    'lo\ntap0\ntap1\nlo\n',
    'lo\ntap0\ntap1\nlo\ntap0\ntap1\n', // root made these TAPs, and they stay
  ],
];

describeWith(
  ['root', 'tun', 'ip', 'unshare', 'unixterm', 'vde_plug', 'slirpvde', 'wirefilter', 'setpriv', 'killall', 'pidof'],
  'programs that start a switch from a shell',
  () => {
    async function runs(me: string, script: string, more: Record<string, string>): Promise<string> {
      const taps = [...script.matchAll(/ -(?:t|tap) (\S+)/g)].map(([, names]) =>
        names!.replaceAll(',', ' ').replace(';', ''),
      );
      const private_ = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
      const shell = namespace().start('unshare', [...private_, 'bash', '-c', SETTING, 'bash', PRELUDE + script], {
        env: { ...process.env, ROOT: root, ME: me, TAPS: taps.join(' '), ...more },
      });
      const exit = await shell.exited;
      expect(exit, shell.stdout() + shell.stderr()).toEqual({ code: 0, signal: null });
      return shell.stdout();
    }

    test.each(ROWS)(
      '%s',
      async (_, script, says) => {
        const daemon = 'setpriv --reuid daemon --regid daemon --clear-groups';
        const said = await runs('root', script, { DIR: '/var/run/vde.ctl', DAEMON: daemon });
        if (typeof says === 'string') expect(said).toBe(says);
        else expect(said).toMatch(says);
      },
      15_000,
    );

    test.each(ROWS)(
      '%s, as another user',
      async (_, script, says, saysAsUser) => {
        const said = await runs('daemon', script, { DIR: '/tmp/vde.ctl', DAEMON: '' });
        const theirs = saysAsUser ?? says;
        if (typeof theirs === 'string') expect(said).toBe(theirs.replaceAll('root', 'daemon'));
        else expect(said).toMatch(new RegExp(theirs.source.replaceAll('root', 'daemon')));
      },
      15_000,
    );
  },
);
