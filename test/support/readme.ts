// README's commands, by the language and the section that they stand in.
import { readFileSync } from 'node:fs';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

export function blocks(language: string, { of, but }: { of?: string; but?: string } = {}): string[] {
  const sections = readme.split(/^## /m).filter((text) => {
    const title = text.slice(0, text.indexOf('\n'));
    return of === undefined ? title !== but : title === of;
  });
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm');
  return sections.flatMap((text) => [...text.matchAll(fence)].map(([, body]) => body!));
}
