/** Lengths in CSS pixels as a style: preact takes numbers without a unit. */
export function px(lengths: Record<string, number>): Record<string, string> {
  return Object.fromEntries(Object.entries(lengths).map(([name, length]) => [name, `${length}px`]));
}
