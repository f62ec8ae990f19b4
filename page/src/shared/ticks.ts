/** The numbers at the ticks of axes. */

import type uPlot from "uplot";

const MOST_DECIMALS = 6;

/** Numbers a step apart, with the digits that tell them apart and no more. */
export function ticksBy(step: number, numbers: readonly number[]): string[] {
  const decimals = decimalsOf(step);
  if (decimals <= MOST_DECIMALS) return numbers.map((one) => (one === 0 ? 0 : one).toFixed(decimals));
  return numbers.map((one) => (one === 0 ? "0" : one.toExponential(Math.max(0, decimals + powerOf(one)))));
}

/** How many decimals a step needs that has at most three digits. */
function decimalsOf(step: number): number {
  const [digits = "", exponent = "0"] = step.toExponential(2).split("e");
  const own = digits.replace(/\.?0+$/, "").length;
  return Math.max(0, Math.max(0, own - 2) - Number(exponent));
}

/** That of ten at a number's first digit. */
function powerOf(number: number): number {
  return Math.floor(Math.log10(Math.abs(number)));
}

/** `values` of an axis of uPlot, which otherwise rounds to three decimals. */
export function tickTexts(_plot: uPlot, numbers: number[], _axis: number, _space: number, step: number): string[] {
  return ticksBy(step, numbers);
}

/** `size` of a vertical axis: at least so many pixels, and more where its numbers are long. */
export function roomFor(least: number): uPlot.Axis.Size {
  return (_plot, texts: string[] | null) => Math.max(least, 8 + 7 * Math.max(0, ...(texts ?? []).map((text) => text.length)));
}
