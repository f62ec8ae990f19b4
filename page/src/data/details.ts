/** Files of details: large, and needed for few cells at a time, so that only those used last stay in memory. */

import { forget, load } from "./load";
import type { Details } from "./types";

/** of the open cell, those beside it, and the reference */
const KEPT = 4;

/** the one used last at the end */
const recent = new Map<string, Promise<Details>>();

export function detailsOf(name: string): Promise<Details> {
  const found = recent.get(name) ?? load<Details>(name);
  recent.delete(name);
  recent.set(name, found);
  found.catch(() => recent.delete(name));
  const [oldest] = recent.keys();
  if (recent.size > KEPT && oldest !== undefined) {
    recent.delete(oldest);
    forget(oldest);
  }
  return found;
}
