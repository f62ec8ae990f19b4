/** How many colours panel.css has for series. */
export const COLOURS = 8;

/** In the order of curves, or of the values of an axis; as CSS variables. */
export function seriesColour(number: number): string {
  return `--series-${number % COLOURS}`;
}

/** What a canvas can draw with, of a CSS variable. */
export function resolved(variable: string, place: HTMLElement): string {
  const probe = document.createElement("i");
  probe.style.color = `var(${variable})`;
  place.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
