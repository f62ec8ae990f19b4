/** Whole numbers that JavaScript cannot tell from their neighbours, such as seeds above 2^53. Their texts are exact. */

import type { AxisValue } from "./types";

export function isRounded({ number, text }: AxisValue): boolean {
  return number !== null && !Number.isSafeInteger(number) && /^-?\d+$/.test(text);
}
