// The Debian package: tsvde and its own Node in /usr/lib/tsvde, built by Debian's tools.
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { root } from '../set-up.mjs';
import { completions, licences, placeBundle } from './bundle.mjs';
import { installedKilobytes, packDebian } from './pack.mjs';
import { commit, copy, output, published, write } from './tree.mjs';

const HOME = 'usr/lib/tsvde';
const UNITS = 'usr/lib/systemd/system';
const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' };
const SCRIPTS = ['postinst', 'prerm', 'postrm'];

export function makeDebianPackage(staging, release) {
  const tree = join(staging, 'tree');
  const home = join(tree, HOME);
  placeBundle(home, () => `/${HOME}/bin/node`);
  const copyright = licences(home);
  // Debian keeps these files elsewhere or does not need them.
  for (const name of ['LICENSE.node', 'LICENSE', 'README.md', 'CHANGELOG.md', 'DESIGN.md', 'man', 'docs', 'contrib'])
    rmSync(join(home, name), { recursive: true, force: true });
  mkdirSync(join(tree, 'usr/bin'));
  for (const name of Object.keys(published.bin)) symlinkSync(`../lib/tsvde/bin/${name}`, join(tree, 'usr/bin', name));
  placeUnits(tree);
  placeDocuments(tree, copyright);
  placeControl(tree, home);
  const deb = join(release, `tsvde_${published.version}_${ARCHITECTURES[process.arch]}.deb`);
  packDebian(tree, deb);
  return [deb];
}

/** Returns the author that package.json names with an address, or else the author of the commit. */
function maintainer() {
  const { author } = published;
  const words = typeof author === 'object' ? `${author.name} <${author.email}>` : author;
  if (/^[^<>]+ <[^<>\s]+@[^<>\s]+>$/.test(words)) return words;
  return commit('%an <%ae>', 'in package.json, give the author a name and an address');
}

function placeUnits(tree) {
  const templates = join(root, 'contrib/systemd');
  for (const name of readdirSync(templates)) {
    const text = readFileSync(join(templates, name), 'utf8').replaceAll('@TSVDE@', '/usr/bin/tsvde');
    write(join(tree, UNITS, name.replace(/\.in$/, '')), text);
  }
  copy(join(root, 'contrib/sysusers.d/tsvde.conf'), join(tree, 'usr/lib/sysusers.d/tsvde.conf'));
  // tsvde --print-unit reads the templates.
  copy(templates, join(tree, HOME, 'contrib/systemd'));
}

function placeDocuments(tree, copyright) {
  const share = join(tree, 'usr/share');
  const documents = join(share, 'doc/tsvde');
  for (const page of published.man) gzip(join(root, page), join(share, 'man/man1', `${basename(page)}.gz`));
  for (const [text, path] of completions({ zsh: 'zsh/vendor-completions' })) write(join(share, path), text);
  copy(join(root, 'contrib/network/interfaces'), join(documents, 'examples/interfaces'));
  for (const name of ['grafana', 'prometheus', 'wireshark'])
    copy(join(root, 'contrib', name), join(documents, 'examples', name));
  copy(join(root, 'README.md'), join(documents, 'README.md'));
  gzip(join(root, 'CHANGELOG.md'), join(documents, 'CHANGELOG.md.gz'));
  write(join(documents, 'copyright'), copyright);
  const date = new Date(process.env.SOURCE_DATE_EPOCH * 1000).toUTCString().replace('GMT', '+0000');
  const entry = `tsvde (${published.version}) stable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- ${maintainer()}  ${date}\n`;
  write(join(documents, 'changelog.gz'), gzipSync(entry, { level: 9 }));
  copy(join(root, 'packaging/deb/lintian-overrides'), join(share, 'lintian/overrides/tsvde'));
}

function gzip(from, to) {
  write(to, gzipSync(readFileSync(from), { level: 9 }));
}

function placeControl(tree, home) {
  const compat = readdirSync(join(home, 'bin/compat')).join(' ');
  for (const name of SCRIPTS) {
    const text = readFileSync(join(root, 'packaging/deb', name), 'utf8').replaceAll('@COMPAT@', compat);
    write(join(tree, 'DEBIAN', name), text, 0o755);
  }
  const kilobytes = installedKilobytes(join(tree, 'usr'));
  write(join(tree, 'DEBIAN/control'), control(sharedLibraries(tree, home), kilobytes));
  const files = output('find', ['usr', '-type', 'f', '-printf', '%P\\n'], { cwd: tree }).trim().split('\n').sort();
  write(
    join(tree, 'DEBIAN/md5sums'),
    output(
      'md5sum',
      files.map((name) => `usr/${name}`),
      { cwd: tree },
    ),
  );
}

/** Returns the packages with the libraries that the binaries need, as dpkg-shlibdeps finds them. */
function sharedLibraries(tree, home) {
  const work = join(tree, '../shlibdeps');
  write(join(work, 'debian/control'), 'Source: tsvde\n\nPackage: tsvde\nArchitecture: any\n');
  const binaries = output('find', [
    home,
    '-type',
    'f',
    '(',
    '-name',
    'node',
    '-o',
    '-name',
    'tsvde*',
    '-path',
    '*@tsvde*',
    ')',
  ]);
  const found = output(
    'dpkg-shlibdeps',
    [
      '-O',
      ...binaries
        .trim()
        .split('\n')
        .sort()
        .map((path) => `-e${path}`),
    ],
    { cwd: work },
  );
  return /^shlibs:Depends=(.*)$/m.exec(found)[1];
}

function control(libraries, kilobytes) {
  return `Package: tsvde
Version: ${published.version}
Architecture: ${ARCHITECTURES[process.arch]}
Maintainer: ${maintainer()}
Installed-Size: ${kilobytes}
Depends: ${libraries}, systemd-standalone-sysusers | systemd-sysusers
Recommends: libslirp0, libpcap0.8
Suggests: qemu-system-x86 | qemu-system, iproute2, wireshark | tcpdump
Section: net
Priority: optional
Description: virtual Ethernet switch that speaks VDE
 tsvde connects QEMU guests, TAP devices and every program that speaks VDE
 (Virtual Distributed Ethernet). It replaces vde_switch, and tsvdeq replaces
 vdeq. It has VLANs, spanning tree, captures, a console and Prometheus metrics.
 .
 The package contains the Node.js that tsvde runs on.
`;
}
