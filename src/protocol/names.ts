// Names of ports, attachments and switches, by QEMU's rule for IDs: a name is never a number and needs no quotes.

export const NAME_MAX = 64;

/** The rule in words, for help and errors. */
export const NAME_RULE = 'a letter, then letters, digits and -._';

const NAME = /^[a-z][a-z0-9._-]{0,63}$/i;

export function isName(text: string): boolean {
  return NAME.test(text);
}

/**
 * Returns the name if it is free. Otherwise appends the first of the suffixes `-1`, `-2` … that makes it free. The name
 * is shortened if the suffix would make it too long.
 */
export function freeName(name: string, isFree: (name: string) => boolean): string {
  for (let i = 0; ; i++) {
    const suffix = i === 0 ? '' : `-${i}`;
    const candidate = name.slice(0, NAME_MAX - suffix.length) + suffix;
    if (isFree(candidate)) return candidate;
  }
}

/**
 * Returns a name made from any text, such as `My-guest-2` from `My guest (2)`, or undefined if the text has no ASCII
 * letter or digit.
 */
export function nameFrom(text: string): string | undefined {
  const words = text.replace(/[^a-z0-9._-]+/gi, '-').replace(/^[-._]+|[-._]+$/g, '');
  if (words === '') return undefined;
  return (/^[a-z]/i.test(words) ? words : `vm-${words}`).slice(0, NAME_MAX);
}

/**
 * Returns the name that a client asks for: the first valid NAME in the words `name=NAME` of its description; undefined
 * if there is none.
 */
export function nameIn(description: string): string | undefined {
  const words = description.split(/\s+/).flatMap((word) => /^name=(.*)$/.exec(word)?.[1] ?? []);
  return words.find(isName);
}
