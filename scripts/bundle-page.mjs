// Makes the files of the page that --web serves: its script, its style sheet, and the files that are copied unchanged.
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { licencesOf } from './licences.mjs';

/**
 * Makes the files of the page, in dist/web/page/: its script with uPlot, one style sheet, and the files that are copied
 * unchanged.
 */
export async function bundlePage(root, dist) {
  const source = join(root, 'src/web/page');
  if (!existsSync(source)) return;
  const target = join(dist, 'web/page');
  const { build } = await import('rolldown');
  const { output } = await build({
    input: join(source, 'main.ts'),
    platform: 'browser',
    output: { file: join(target, 'page.js'), format: 'esm', minify: true },
  });
  const script = readFileSync(join(target, 'page.js'), 'utf8');
  writeFileSync(join(target, 'page.js'), `/*!\n${licencesOf(output)}*/\n${script}`);
  const styles = [join(root, 'node_modules/uplot/dist/uPlot.min.css'), join(source, 'page.css')];
  writeFileSync(join(target, 'page.css'), styles.map((path) => readFileSync(path, 'utf8')).join('\n'));
  for (const name of ['index.html', 'icon.svg']) copyFileSync(join(source, name), join(target, name));
}
