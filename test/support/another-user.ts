// Makes a test file that root runs, and all that it starts, run as a user who is not root: see vitest.config.ts.
/** Debian's user and group daemon. */
const USER = 1;

process.setgroups!([]);
process.setgid!(USER);
process.setuid!(USER);
process.env.HOME = '/'; // root's home cannot be read
