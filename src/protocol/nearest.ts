// Suggestions for misspelt words.

/**
 * Returns the known word with the smallest edit distance. Returns undefined if that distance is more than one letter
 * and more than a third of the word.
 */
export function nearestName(word: string, known: readonly string[]): string | undefined {
  const most = Math.max(1, word.length / 3);
  // Only words of similar length are compared, since a word may be very long.
  const near = known.filter((name) => Math.abs(name.length - word.length) <= most);
  const rated = near.map((name) => ({ name, distance: editDistance(word, name) }));
  const best = rated.sort((a, b) => a.distance - b.distance)[0];
  return best && best.distance <= most ? best.name : undefined;
}

/**
 * Returns the least number of changes that turn `a` into `b`. A change inserts, removes or replaces a letter, or swaps
 * two neighbouring letters: the Levenshtein distance with transpositions.
 */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const exchanged = swapped ? rows[i - 2]![j - 2]! + 1 : replaced;
      row.push(Math.min(replaced, exchanged, rows[i - 1]![j]! + 1, row[j - 1]! + 1));
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
