/** Calls that a browser allows only so often. */

/** calls that are made at once */
const BURST = 20;
/** in milliseconds, between further ones: 36 calls in 10 seconds; browsers refuse more than 100 */
const EVERY = 600;

export interface Throttled {
  (): void;
  /** Makes a call that is put off now. */
  flush: () => void;
}

/** Calls at once, and when that has happened often, later and once for all calls until then. */
export function throttled(call: () => void): Throttled {
  let left = BURST;
  let counted = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const count = () => {
    const now = performance.now();
    left = Math.min(BURST, left + (now - counted) / EVERY);
    counted = now;
  };
  const flush = () => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    count();
    left = Math.max(0, left - 1);
    call();
  };
  const ask = () => {
    if (timer !== undefined) return;
    count();
    timer = setTimeout(flush, (1 - left) * EVERY);
    if (left >= 1) flush();
  };
  return Object.assign(ask, { flush });
}
