// Suggestions for misspelt words.

/** Returns the known word with the smallest edit distance, unless more than a third of the word would change. */
export function nearestName(word: string, known: readonly string[]): string | undefined {
  const rated = known.map((name) => ({ name, distance: editDistance(word, name) }));
  const best = rated.sort((a, b) => a.distance - b.distance)[0];
  return best && best.distance <= Math.max(1, word.length / 3) ? best.name : undefined;
}

/** The Levenshtein distance: how many letters to insert, remove or replace. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
