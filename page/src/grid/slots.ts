/** Elements of the document that are used again: making new ones while scrolling takes time and memory. */

import { useRef } from "preact/hooks";

/** A number for each line: the same as before for lines that were there, and that of one that has gone for others. */
export function slotsOf(lines: readonly number[], before: ReadonlyMap<number, number>): Map<number, number> {
  const after = new Map<number, number>();
  for (const line of lines) {
    const slot = before.get(line);
    if (slot !== undefined) after.set(line, slot);
  }
  const used = new Set(after.values());
  let free = 0;
  for (const line of lines) {
    if (after.has(line)) continue;
    while (used.has(free)) free++;
    used.add(free);
    after.set(line, free);
  }
  return after;
}

/** The same map as before while the lines are the same. */
export function useSlots(lines: readonly number[]): ReadonlyMap<number, number> {
  const slots = useRef<ReadonlyMap<number, number>>(new Map());
  const { current } = slots;
  if (current.size !== lines.length || lines.some((line) => !current.has(line))) slots.current = slotsOf(lines, current);
  return slots.current;
}
