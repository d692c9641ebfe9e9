// README's commands, by the language and the section of their blocks.
import { readFileSync } from 'node:fs';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The code blocks of the section `of`, or of all sections except those in `but`. */
export function blocks(language: string, { of, but = [] }: { of?: string; but?: readonly string[] } = {}): string[] {
  const sections = readme.split(/^## /m).filter((text) => {
    const title = text.slice(0, text.indexOf('\n'));
    return of === undefined ? !but.includes(title) : title === of;
  });
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm');
  return sections.flatMap((text) => [...text.matchAll(fence)].map(([, body]) => body!));
}

/** The commands and expressions within README's sentences that match the pattern, without line breaks. */
export function phrases(pattern: RegExp): string[] {
  const prose = readme.replace(/^```[\s\S]*?^```$/gm, '');
  const all = [...prose.matchAll(/`([^`]+)`/g)].map(([, phrase]) => phrase!.replaceAll('\n', ' '));
  return all.filter((phrase) => pattern.test(phrase));
}
