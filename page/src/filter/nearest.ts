/** The name that is most alike in its pairs of letters; null where none shares half of them. */
export function nearest(given: string, names: readonly string[]): string | null {
  const own = pairsOf(given);
  let best: string | null = null;
  let most = 0.5;
  for (const name of names) {
    const others = pairsOf(name);
    const shared = [...own].filter((pair) => others.has(pair)).length;
    const alike = (2 * shared) / (own.size + others.size);
    if (alike >= most && (best === null || alike > most)) [best, most] = [name, alike];
  }
  return best;
}

/** The text's pairs of neighbouring letters, with its first and last letters by themselves. */
function pairsOf(text: string): Set<string> {
  const padded = ` ${text.toLowerCase()} `;
  return new Set(Array.from({ length: padded.length - 1 }, (_, at) => padded.slice(at, at + 2)));
}
