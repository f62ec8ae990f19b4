/** How many colours panel.css has for series. */
export const COLOURS = 8;

/** In the order of curves, or of the values of an axis; as CSS variables. */
export function seriesColour(number: number): string {
  return `--series-${number % COLOURS}`;
}
