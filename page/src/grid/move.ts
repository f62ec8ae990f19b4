/** Where the focus goes by a key. */

import { mosaicColumns } from "./geometry";
import { groupAt, type Group } from "./groups";
import type { Pivot, Place } from "./pivot";

/** Headings have negative numbers: -1 is the innermost axis. */
export interface Key {
  key: string;
  ctrlKey: boolean;
  /** the number of lines in the window */
  page: number;
}

/** The place that a key leads to; null where the key leads nowhere. */
export function moved(pivot: Pivot, from: Place, { key, ctrlKey, page }: Key): Place | null {
  const rows = pivot.rows.lines.length;
  const columns = pivot.columns.lines.length;
  const firstColumn = -pivot.rows.axes.length;
  switch (key) {
    case "ArrowRight":
      return settled(pivot, step(pivot, from, 1, 0));
    case "ArrowLeft":
      return settled(pivot, step(pivot, from, -1, 0));
    case "ArrowDown":
      return settled(pivot, step(pivot, from, 0, 1));
    case "ArrowUp":
      return settled(pivot, step(pivot, from, 0, -1));
    case "Home":
      return settled(pivot, ctrlKey ? { row: 0, column: 0, inside: 0 } : { ...from, column: from.row < 0 ? 0 : firstColumn });
    case "End":
      return settled(pivot, { ...from, row: ctrlKey ? rows - 1 : from.row, column: columns - 1 });
    case "PageDown":
      return settled(pivot, { ...from, row: Math.max(from.row, 0) + page });
    case "PageUp":
      return settled(pivot, { ...from, row: Math.max(from.row - page, 0) });
    default:
      return null;
  }
}

/** The place in the grid that is nearest to one; headings begin where their first line is. */
export function settled(pivot: Pivot, place: Place): Place {
  const row = clamp(place.row, -pivot.columns.axes.length, pivot.rows.lines.length - 1);
  const column = clamp(place.column, row < 0 ? 0 : -pivot.rows.axes.length, pivot.columns.lines.length - 1);
  if (row < 0) return { row, column: heading(pivot.columns.groups, row, column)?.start ?? column, inside: 0 };
  if (column < 0) return { row: heading(pivot.rows.groups, column, row)?.start ?? row, column, inside: 0 };
  return { row, column, inside: clamp(place.inside, 0, pivot.inside.lines.length - 1) };
}

function step(pivot: Pivot, from: Place, dx: number, dy: number): Place {
  if (from.row < 0 && dx !== 0) return { ...from, column: beyond(pivot.columns.groups, from.row, from.column, dx) };
  if (from.column < 0 && dy !== 0 && from.row + dy >= 0)
    return { ...from, row: beyond(pivot.rows.groups, from.column, from.row, dy) };
  return from.row < 0 || from.column < 0 ? entered(from, dx, dy) : within(pivot, from, dx, dy);
}

function entered(from: Place, dx: number, dy: number): Place {
  return { row: from.row + dy, column: from.column + dx, inside: 0 };
}

/** One picture on, in the same cell or in the next one. */
function within(pivot: Pivot, from: Place, dx: number, dy: number): Place {
  const count = pivot.inside.lines.length;
  const across = mosaicColumns(count);
  const down = Math.ceil(count / across);
  const x = (from.inside % across) + dx;
  const y = Math.floor(from.inside / across) + dy;
  const isInside = x >= 0 && x < across && y >= 0 && y < down && y * across + x < count;
  if (isInside) return { ...from, inside: y * across + x };
  const column = from.column + dx;
  const row = from.row + dy;
  const inside = (dy === 0 ? y : dy > 0 ? 0 : down - 1) * across + (dx === 0 ? x : dx > 0 ? 0 : across - 1);
  const isEdge = row >= pivot.rows.lines.length || column >= pivot.columns.lines.length;
  return isEdge ? from : { row, column, inside };
}

/** The line where the heading after or before a heading begins; the same where there is none. */
function beyond(groups: readonly (readonly Group[])[], level: number, line: number, direction: number): number {
  const found = heading(groups, level, line);
  if (!found) return line;
  return direction > 0 ? found.start + found.span : found.start - 1;
}

function heading(groups: readonly (readonly Group[])[], level: number, line: number): Group | undefined {
  return groupAt(groups.at(level) ?? [], line);
}

function clamp(number: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, number));
}
