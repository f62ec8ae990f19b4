/** Four digits, or all before the point where these are more, so that seeds and other counts stay whole. */
export function digits(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return String(Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4)));
}
