// The ways of installing tsvde, each in a clean root: installs it, runs README's first example, removes it, and checks
// that nothing is left.
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cacheOf } from '../build.mjs';
import { fetchNode, nodeVersion, unpack } from '../package/node-build.mjs';
import { output } from '../package/tree.mjs';
import { root as checkout } from '../set-up.mjs';
import { CleanRoot } from './clean-root.mjs';
import { exampleScript } from './example.mjs';
import { compareWithClone } from './same-bytes.mjs';

/** Node and the version of npm to install with. Each npm supports the Node beside it. */
const NODES = [
  ['20', '10'],
  ['20', '11'],
  ['22', '11'],
  ['22', '12'],
  [nodeVersion, '12'],
  ['26', '12'],
];
const OLD_NODE = '18';
const APT = 'export DEBIAN_FRONTEND=noninteractive\napt() { apt-get -q -y --no-install-recommends "$@"; }\n';
const TEST = '/opt/test';
/** Directories that npm makes and leaves behind, empty. */
const NPMS = ['usr/local/share/man/man1', 'usr/local/lib/node_modules', 'usr/local/lib/node_modules/@tsvde'];

export function ways(release, version) {
  const main = join(release, `tsvde-${version}.tgz`);
  const platform = join(release, `tsvde-${process.platform}-${process.arch}-gnu-${version}.tgz`);
  const archive = join(release, `tsvde-${version}-${process.platform}-${process.arch}.tar.xz`);
  const deb = join(release, `tsvde_${version}_amd64.deb`);
  const npm = (node, npmVersion) => ({ node, npmVersion, tarballs: [main, platform] });
  return [
    ...NODES.map(([node, npmVersion]) => ({
      name: `npm ${npmVersion} --global, Node ${node}`,
      try: (path) => globally(path, npm(node, npmVersion)),
    })),
    { name: 'npm as a dependency', try: (path) => asDependency(path, npm(nodeVersion, '12')) },
    { name: 'npm without the binaries, and an old Node', try: (path) => broken(path, [main], [main, platform]) },
    { name: 'archive', try: (path) => unpacked(path, archive) },
    { name: 'deb', try: (path) => installed(path, deb) },
    { name: 'deb beside vde_switch and systemd', try: (path) => installedBeside(path, deb) },
    { name: 'the same bytes from another clone', try: (path) => same(path, [main, platform, archive, deb]) },
  ];
}

/** A root with Node and npm in /opt/test, and tarballs. */
function rootWithNode(path, { node, npmVersion, tarballs }) {
  const root = new CleanRoot(path);
  root.add(join(fetchNode(node), 'package/bin/node'), `${TEST}/bin/node`);
  root.add(fetchNpm(npmVersion), `${TEST}/npm`);
  const run = `#!/bin/sh\nexec ${TEST}/bin/node ${TEST}/npm/bin/npm-cli.js "$@"\n`;
  writeFileSync(join(path, TEST, 'bin/npm'), run);
  chmodSync(join(path, TEST, 'bin/npm'), 0o755);
  if (node === '26') root.run(`${APT}apt install libatomic1`); // which this Node needs
  // npm trusts the same certificates as on this machine.
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  if (certificates !== undefined) root.add(certificates, certificates);
  for (const tarball of tarballs) root.add(tarball, `${TEST}/${basename(tarball)}`);
  return root;
}

const withNode = (script) => `export PATH=${TEST}/bin:$PATH HOME=/root\ncd ${TEST}\n${script}`;
const names = (tarballs) => tarballs.map((path) => `./${basename(path)}`).join(' ');

function globally(path, how) {
  const root = rootWithNode(path, how);
  const npm = 'npm --prefix /usr/local --no-audit --no-fund --ignore-scripts';
  root.remember();
  const seconds = timed(() => root.run(withNode(`${npm} install --global ${names(how.tarballs)}`)));
  root.run(withNode('! find /usr/local/lib/node_modules -name "*.o" -o -name binding.gyp | grep tsvde'));
  root.run(withNode(exampleScript()), { network: 'none' });
  root.run(withNode(`${npm} uninstall --global tsvde @tsvde/linux-x64-gnu`));
  return finish(root, seconds, how.tarballs);
}

function asDependency(path, how) {
  const root = rootWithNode(path, how);
  root.remember();
  const install = `npm --no-audit --no-fund --ignore-scripts install ${names(how.tarballs)}`;
  const seconds = timed(() =>
    root.run(withNode(`mkdir app; cd app; echo '{}' > package.json\n${install.replaceAll('./', '../')}`)),
  );
  root.run(withNode(`PATH=${TEST}/app/node_modules/.bin:$PATH\n${exampleScript()}`), { network: 'none' });
  const library = "const { Switch } = await import('tsvde'); const sw = new Switch(); sw.plug(); await sw.close();";
  root.run(withNode(`cd app; node --input-type=module -e "${library}"; rm -r ${TEST}/app`), { network: 'none' });
  return finish(root, seconds, how.tarballs);
}

/** Installations that cannot work: each ends in one sentence and exit code 1. */
function broken(path, withoutBinaries, all) {
  const root = rootWithNode(path, { node: nodeVersion, npmVersion: '12', tarballs: all });
  const install = (tarballs, option) =>
    `npm --prefix /usr/local --no-audit --no-fund ${option} install --global ${names(tarballs)}`;
  const seconds = timed(() => root.run(withNode(install(withoutBinaries, '--omit=optional'))));
  const refuses = (sentence) => {
    const { status, stderr } = root.run(withNode('tsvde --nostdin --sock /run/x'), {
      network: 'none',
      expectFailure: true,
    });
    if (status !== 1 || !sentence.test(stderr)) throw new Error(`exit code ${status}: ${stderr}`);
  };
  refuses(/^tsvde: the package @tsvde\/linux-x64-gnu, which .* is not installed: run 'npm install tsvde-[^\n]*\n$/);
  root.run(withNode('tsvde --version; tsvdectl --help; tsvdeq --print /bin/true -net nic -net vde'), {
    network: 'none',
  });
  root.run(withNode(`${install(all, '')}; tsvde --version`));
  const addon = '/usr/local/lib/node_modules/@tsvde/linux-x64-gnu/tsvde.node';
  root.run(`mv ${addon} ${addon}.good; echo damaged > ${addon}`);
  refuses(/^tsvde: the addon cannot be loaded: .*; to replace it, run 'npm install tsvde-[^\n]*\n$/);
  root.run(`mv ${addon}.good ${addon}; rm ${TEST}/bin/node`);
  root.add(join(fetchNode(OLD_NODE), 'package/bin/node'), `${TEST}/bin/node`);
  refuses(/^tsvde needs Node 20\.19 or newer, and this is Node 18\.[^\n]*\n$/);
  root.remove();
  return { seconds };
}

function unpacked(path, archive) {
  const root = new CleanRoot(path);
  root.remember();
  const seconds = timed(() => output('tar', ['-xJf', archive, '-C', join(path, 'opt')]));
  const home = `/opt/${basename(archive, '.tar.xz')}`;
  root.run(`! command -v node; PATH=${home}/bin:$PATH\n${exampleScript()}`, { network: 'none' });
  // Starts programs through links to a program, to bin/ and to the archive, and under the old name vde_switch.
  root.run(
    `ln -s ${home}/bin/tsvde /usr/local/bin/tsvde; tsvde --print-unit; $(tsvde --compat-path)/vde_switch --version`,
  );
  const links = [`${home}/bin /usr/local/programs`, `${home} /usr/local/archive`];
  root.run(links.map((link) => `ln -s ${link}`).join('; '));
  for (const name of ['tsvde', 'tsvdectl', 'tsvdeq'])
    root.run(
      `/usr/local/programs/${name} --version; cd /usr/local/archive; bin/${name} --version; cd bin; ./${name} --version`,
    );
  root.run(`[ "$(/usr/local/archive/bin/tsvde --compat-path)" = ${home}/lib/tsvde/bin/compat ]`);
  root.run(`rm -r ${home} /usr/local/bin/tsvde /usr/local/programs /usr/local/archive`);
  return finish(root, seconds, [archive]);
}

function installed(path, deb) {
  const root = new CleanRoot(path);
  const messages = output('lintian', ['--fail-on', 'error', deb]);
  if (/^E:/m.test(messages)) throw new Error(messages);
  // What tsvde depends on stays when tsvde is removed.
  root.run(`${APT}apt install libstdc++6 systemd-standalone-sysusers`);
  root.remember();
  root.add(deb, '/tmp/tsvde.deb');
  const seconds = timed(() => root.run(`${APT}apt install /tmp/tsvde.deb`));
  root.run(exampleScript(), { network: 'none' });
  root.run(
    'vde_switch --version; man=/usr/share/man/man1; gzip -t $man/tsvde.1.gz $man/tsvdectl.1.gz $man/tsvdeq.1.gz',
  );
  root.run('getent group tsvde; [ "$(readlink -f /usr/bin/vdeq)" = /usr/lib/tsvde/bin/compat/vdeq ]');
  root.run(`${APT}apt purge tsvde`);
  return finish(root, seconds, [deb]);
}

/** The command `vde_switch` remains that of its own package, and systemd accepts the installed units. */
function installedBeside(path, deb) {
  const root = new CleanRoot(path);
  root.run(`${APT}apt install vde-switch systemd`);
  root.remember();
  root.add(deb, '/tmp/tsvde.deb');
  const seconds = timed(() => root.run(`${APT}apt install /tmp/tsvde.deb`));
  root.run(
    'systemd-analyze verify --man=no tsvde.service tsvde@qtap.service 2>&1 | tee /tmp/verified; [ ! -s /tmp/verified ]',
  );
  root.run(
    '! vde_switch --version | grep -i tsvde; vdeq --version; [ ! -L /usr/bin/vde_switch ]; [ -L /usr/bin/vdeq ]',
  );
  root.run('systemctl enable tsvde tsvde@qtap');
  root.run(`${APT}apt purge tsvde; ! vde_switch --version | grep -i tsvde`);
  return finish(root, seconds, []);
}

function same(path, files) {
  return { seconds: timed(() => compareWithClone(path, files)) };
}

function finish(root, seconds, files) {
  const left = root.left().filter((path) => !NPMS.includes(path));
  if (left.length > 0) throw new Error(`after the removal there are left:\n${left.join('\n')}`);
  root.remove();
  return { seconds, files };
}

function timed(action) {
  const started = performance.now();
  action();
  return (performance.now() - started) / 1000;
}

/** Fetches a version of npm, unless that has been done before. Returns its directory. */
function fetchNpm(version) {
  const directory = join(cacheOf(checkout), 'npm-builds', version);
  if (!existsSync(join(directory, 'package'))) {
    mkdirSync(directory, { recursive: true });
    const tarball = output('npm', ['pack', '--silent', '--pack-destination', directory, `npm@${version}`]).trim();
    unpack(join(directory, tarball), directory);
  }
  return join(directory, 'package');
}
