/** Which axes are rows, which are columns, and which are inside cells. */

import type { View } from "../state/view";

const SHELVES = ["rows", "columns", "inside"] as const;
export type Shelf = (typeof SHELVES)[number];
export type Placed = Pick<View, Shelf>;

/**
 * With an axis at a position of a shelf. What was there changes places with it, if it was on a shelf itself; otherwise
 * it gets a slider. axis: null to take away what is there.
 */
export function placed(view: Placed, shelf: Shelf, position: number, axis: string | null): Placed {
  const old = view[shelf][position] ?? null;
  const next = {} as Record<Shelf, string[]>;
  for (const name of SHELVES)
    next[name] = view[name].flatMap((one, k) => {
      if (name === shelf && k === position) return axis ?? [];
      return one === axis ? (old ?? []) : one;
    });
  if (axis !== null && old === null) next[shelf].push(axis);
  return next;
}

/** Rows as columns, and columns as rows. */
export function swapped(view: Placed): Placed {
  return { ...view, rows: view.columns, columns: view.rows };
}
