// tsvde completion: prints the script that lets a shell complete the words of tsvde, tsvdectl and tsvdeq, and, for
// that script, the words that may come next.
import { ExitError, USAGE } from '../system/exit-error.ts';
import { candidates } from './completion/candidates.ts';
import { SCRIPTS } from './completion/scripts.ts';

const USAGE_TEXT = `Usage: tsvde completion bash|zsh|fish

Prints the script that makes a shell complete tsvde, tsvdectl and tsvdeq:
  bash  source <(tsvde completion bash)
  zsh   source <(tsvde completion zsh)
  fish  tsvde completion fish | source
`;

/** Runs `tsvde completion` with its arguments, and returns the exit code. Throws ExitError for invalid arguments. */
export async function main(argv: readonly string[]): Promise<number> {
  process.stdout.write(await textFor(argv));
  return 0;
}

async function textFor(argv: readonly string[]): Promise<string> {
  const [first = '', program = '', ...words] = argv;
  if (first === '--help' || first === '-h') return USAGE_TEXT;
  // The scripts call this with the program and the words after it, of which the last is being completed.
  if (first === 'words') {
    const found = await candidates(program, words);
    return found.map(({ word, help }) => `${help ? `${word}\t${help}` : word}\n`).join('');
  }
  if (argv.length === 1 && Object.hasOwn(SCRIPTS, first)) return SCRIPTS[first as keyof typeof SCRIPTS];
  throw new ExitError(USAGE, 'name one shell: bash, zsh or fish');
}
