/** Colours of numbers. The colour map is cividis, which people see alike with and without colour blindness. */

const CIVIDIS = ["#00224e", "#1a386f", "#434e6c", "#61656f", "#7d7c78", "#9b9476", "#bcae6c", "#dec958", "#fee838"];

const STOPS = CIVIDIS.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));

/** For CSS, from 0 to 1. */
export const GRADIENT = `linear-gradient(to right, ${CIVIDIS.join(", ")})`;

export interface Range {
  low: number;
  high: number;
}

/** The least and the largest number; null where there is none. */
export function rangeOf(numbers: Iterable<number | null>): Range | null {
  let [low, high] = [Infinity, -Infinity];
  for (const one of numbers) {
    if (one === null) continue;
    low = Math.min(low, one);
    high = Math.max(high, one);
  }
  return low <= high ? { low, high } : null;
}

/** Where in the range a number is: 0 at its lower end, 1 at its upper one; reversed where lower is better, so that 1 is best. */
export function shareOf(value: number, { low, high }: Range, higherIsBetter: boolean | null): number {
  const share = high > low ? Math.min(1, Math.max(0, (value / 2 - low / 2) / (high / 2 - low / 2))) : 0.5;
  return higherIsBetter === false ? 1 - share : share;
}

export function colourOf(share: number): string {
  const place = share * (STOPS.length - 1);
  const at = Math.min(STOPS.length - 2, Math.floor(place));
  const [from = [], to = []] = STOPS.slice(at, at + 2);
  return `rgb(${from.map((one, k) => Math.round(one + ((to[k] ?? one) - one) * (place - at))).join(" ")})`;
}

/** The colour of text upon `colourOf` of the same share. */
export function textColourOf(share: number): string {
  return share > 0.46 ? "#000" : "#fff";
}
