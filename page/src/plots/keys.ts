/** The point that a key leads to from the active one (-1: none yet); null where it is no key of the plot. */
export function stepped(key: string, from: number, upwards: readonly number[]): number | null {
  const last = upwards.length - 1;
  const clamped = (to: number) => Math.max(0, Math.min(last, to));
  const alongY = (step: number) => upwards[clamped(upwards.indexOf(from) + step)] ?? -1;
  switch (key) {
    case "ArrowRight":
      return clamped(from + 1);
    case "ArrowLeft":
      return clamped(from - 1);
    case "ArrowUp":
      return from < 0 ? clamped(0) : alongY(1);
    case "ArrowDown":
      return from < 0 ? clamped(0) : alongY(-1);
    case "Home":
      return clamped(0);
    case "End":
      return last;
    default:
      return null;
  }
}
