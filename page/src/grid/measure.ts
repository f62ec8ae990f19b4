/** How much room headings need, by laying their texts out. */

import { SMALLEST, type Size } from "./geometry";
import type { Pivot, Side } from "./pivot";
import { breakable } from "../shared/breaks";

/** Of headings, the outermost first: heights of those of columns, widths of those of rows. */
export interface HeadingSizes {
  heights: number[];
  widths: number[];
  /** the height that the headings of single rows need */
  row: number;
}

/** Of single rows; longer texts are scrolled within their heading. */
const TALLEST = 96;
/** of the headings of rows together, beside which the names of axes are */
const CORNER = 96;
/** of columns in which texts are turned by a right angle */
const NARROW = 64;
/** As many of the longest texts of an axis are measured. */
const MEASURED = 24;

export function isTurned(width: number): boolean {
  return width < NARROW;
}

export function headingSizes(pivot: Pivot, cell: Size, window: Size): HeadingSizes {
  const { rows, columns } = pivot;
  const widest = window.width < 600 ? 112 : 208;
  const widths = rows.axes.map((_, level) => bounded(measured(texts(rows, level), {}).width, SMALLEST, widest));
  const lacking = CORNER - widths.reduce((total, one) => total + one, 0);
  if (lacking > 0 && widths.length) widths[widths.length - 1] = (widths.at(-1) ?? 0) + lacking;
  const tallest = Math.max(132, window.height * 0.3);
  const heights = columns.axes.map((_, level) => {
    const groups = columns.groups[level] ?? [];
    const width = cell.width * groups.reduce((least, group) => Math.min(least, group.span), 1000);
    const { height } = measured(texts(columns, level), isTurned(width) ? { turned: tallest } : { width });
    return bounded(height, 24, tallest);
  });
  const lowest = heights.length - 1;
  if (lowest >= 0) heights[lowest] = Math.max(heights[lowest] ?? 0, cornerHeight(pivot, widths));
  const innermost = rows.axes.length - 1;
  const row = measured(texts(rows, innermost), { width: widths[innermost] ?? 0 }).height;
  return { heights, widths, row: Math.min(row, TALLEST) };
}

/** Of the corner beside the innermost headings of columns, which names all axes of rows, too. */
function cornerHeight({ rows, columns }: Pivot, widths: readonly number[]): number {
  if (!rows.axes.length || !columns.axes.length) return 0;
  const width = widths.reduce((total, one) => total + one, 0);
  const names = cornerTexts(rows, columns.axes.at(-1)?.label ?? "");
  return names.reduce((total, name) => total + measured([name], { width }).height, 0);
}

/** What the corner says beside the headings of an axis, and below that. */
export function cornerTexts(rows: Side, label: string): [string, string] {
  return [`${label} →`, `${rows.axes.map((axis) => axis.label).join(" · ")} ↓`];
}

function bounded(size: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, size));
}

function texts(side: Side, level: number): string[] {
  const axis = side.axes[level];
  const all = axis ? axis.values.map((value) => value.text) : [];
  return all.toSorted((a, b) => b.length - a.length).slice(0, MEASURED);
}

function measured(lines: readonly string[], as: { width?: number; turned?: number }): Size {
  const box = document.createElement("div");
  box.className = "grid-measure";
  for (const line of lines) {
    const text = box.appendChild(document.createElement("div"));
    text.className = as.turned ? "heading-text turned" : "heading-text";
    text.dir = "auto";
    // More than is ever shown need not be laid out.
    breakable(line.slice(0, 500)).forEach((part, place) =>
      text.append(...(place > 0 ? [document.createElement("wbr"), part] : [part])),
    );
    if (as.width) text.style.width = `${as.width}px`;
    if (as.turned) text.style.maxHeight = `${as.turned}px`;
  }
  document.body.append(box);
  const sizes = Array.from(box.children, (child) => child.getBoundingClientRect());
  box.remove();
  return {
    width: Math.ceil(Math.max(0, ...sizes.map((size) => size.width))),
    height: Math.ceil(Math.max(0, ...sizes.map((size) => size.height))),
  };
}
