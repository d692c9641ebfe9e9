// Makes the files of the page that --web serves: its script, its style sheet, and what is copied.
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes the files of the page, in dist/web/page/: its script with uPlot, one style sheet, and what is copied. */
export async function bundlePage(root, dist) {
  const source = join(root, 'src/web/page');
  if (!existsSync(source)) return;
  const target = join(dist, 'web/page');
  const { build } = await import('rolldown');
  await build({
    input: join(source, 'main.ts'),
    platform: 'browser',
    output: { file: join(target, 'page.js'), format: 'esm', minify: true },
  });
  // uPlot's licence asks for its text in every copy.
  const licence = readFileSync(join(root, 'node_modules/uplot/LICENSE'), 'utf8');
  const script = readFileSync(join(target, 'page.js'), 'utf8');
  writeFileSync(join(target, 'page.js'), `/*! Contains uPlot.\n\n${licence.trim()}\n*/\n${script}`);
  const styles = [join(root, 'node_modules/uplot/dist/uPlot.min.css'), join(source, 'page.css')];
  writeFileSync(join(target, 'page.css'), styles.map((path) => readFileSync(path, 'utf8')).join('\n'));
  for (const name of ['index.html', 'icon.svg']) copyFileSync(join(source, name), join(target, name));
}
