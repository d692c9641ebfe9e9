// Generates the API reference, docs/api.md, from the declarations in dist/: `npm run api` writes it, and
// test/api.test.ts checks it. API Extractor collects every exported declaration with its comment, and finds types that
// are not exported and declarations without a comment. It uses a compiler of its own.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

const root = fileURLToPath(new URL('..', import.meta.url));
export const reference = join(root, 'docs/api.md');

const HEAD = `# API reference

Made from the library's declarations by \`npm run api\`: change the comments in \`src/\`, not this page. Examples are in
[library.md](library.md).
`;

/** Returns the text of the reference, and a sentence for each declaration that is undocumented or not exported. */
export function describeApi() {
  const made = mkdtempSync('/tmp/tsvde-api-');
  try {
    const rollup = join(made, 'tsvde.d.ts');
    const problems = extract(made, rollup);
    return { text: format(readFileSync(rollup, 'utf8')), problems };
  } finally {
    rmSync(made, { recursive: true });
  }
}

function extract(made, rollup) {
  const problems = [];
  const message = (logLevel) => ({ logLevel });
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, 'dist/index.d.ts'),
      compiler: { overrideTsconfig: tsconfig() },
      newlineKind: 'lf',
      // The report's text is not used, but writing it is what finds undocumented declarations.
      apiReport: { enabled: true, reportFileName: 'tsvde.api.md', reportFolder: made, reportTempFolder: `${made}/new` },
      docModel: { enabled: false },
      tsdocMetadata: { enabled: false },
      dtsRollup: { enabled: true, untrimmedFilePath: rollup },
      messages: {
        compilerMessageReporting: { default: message('error') },
        extractorMessageReporting: {
          default: message('none'),
          'ae-forgotten-export': message('error'),
          'ae-undocumented': message('error'),
          'ae-unresolved-link': message('error'),
        },
        tsdocMessageReporting: { default: message('none') },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
  });
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback(found) {
      found.handled = true;
      if (found.logLevel === 'error') problems.push(found.formatMessageWithLocation(root));
    },
  });
  return problems;
}

/** Returns a compiler configuration like the project's own, as far as reading declarations needs it. */
function tsconfig() {
  return {
    compilerOptions: {
      target: 'es2023',
      lib: ['es2023', 'esnext.disposable'],
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
      types: ['node'],
      noEmit: true,
      allowImportingTsExtensions: true,
    },
    files: [join(root, 'dist/index.d.ts')],
  };
}

/** Returns the reference, with a section for each declaration: the comment as prose, and the declaration as code. */
function format(declarations) {
  const sections = [...declarations.matchAll(DECLARATION)].map(([, comment, code]) => {
    const [, name] = /^export declare (?:abstract )?(?:class|interface|type|function|const) (\w+)/.exec(code);
    const text = code.replace(/^export declare /, '').replaceAll(/^ {4}(?:private constructor\(\)|#?private);\n/gm, '');
    return { name, text: `## ${name}\n\n${prose(comment)}\n\n\`\`\`ts\n${text.trimEnd()}\n\`\`\`\n` };
  });
  const sorted = sections.sort((a, b) => (a.name < b.name ? -1 : 1));
  return [HEAD, ...sorted.map(({ text }) => text)].join('\n');
}

/** Matches a declaration, with its comment, from the beginning of a line to the next declaration. */
const DECLARATION =
  /^(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)?\s*^(export declare [\s\S]*?)(?=^(?:\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*)?^(?:export|declare) |(?![\s\S]))/gm;

function prose(comment = '') {
  return comment
    .replace(/^\/\*\*\s?|\s*\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { text, problems } = describeApi();
  for (const problem of problems) console.error(problem);
  writeFileSync(reference, text);
  process.exit(problems.length > 0 ? 1 : 0);
}
