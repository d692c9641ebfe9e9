// The sub-commands of tsvde, by the first word of its arguments.
export const SUBCOMMANDS = [
  { name: 'plug', help: "a switch port on standard input and output, in vde_plug's format" },
  { name: 'doctor', help: 'say what this machine lacks or has wrong, and what to do' },
  { name: 'completion', help: 'print the script that completes these programs in a shell' },
] as const;
