// Ends the process with a sentence if Node is too old. Each program requires this file first, since an older Node may be
// unable to load the rest. A test compares the numbers with package.json.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `tsvde needs Node 20.19 or newer, and this is Node ${process.versions.node}: install a newer Node, ` +
      "or use tsvde's archive or Debian package, which contain one\n",
  );
  process.exit(1);
}
