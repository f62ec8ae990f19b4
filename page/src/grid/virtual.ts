/** Which lines of the grid are in the document. */

import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import type { Range } from "@tanstack/virtual-core";
import { useLayoutEffect, useReducer, useState } from "preact/hooks";

export interface Lines {
  count: number;
  /** of a line, in CSS pixels */
  size: number;
  /** of the headings before the first line */
  start: number;
  /** the width or height of the window */
  window: number;
  horizontal: boolean;
  scroller: () => HTMLElement | null;
  /** a line that stays in the document, since it has the focus */
  kept: number;
}

/** The numbers of the lines that are in the document. The component is drawn again when they change. */
export function useLines(lines: Lines): number[] {
  const [, redraw] = useReducer<number, undefined>((times) => times + 1, 0);
  const options = {
    count: lines.count,
    estimateSize: () => lines.size,
    paddingStart: lines.start,
    horizontal: lines.horizontal,
    getScrollElement: lines.scroller,
    rangeExtractor: (range: Range) => withLine(around(range, lines), lines.kept, lines.count),
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
  };
  const [{ virtualizer, drawn }] = useState(() => ({
    virtualizer: new Virtualizer<HTMLElement, HTMLElement>(options),
    drawn: { range: "", size: 0, start: 0 },
  }));
  virtualizer.setOptions({
    ...options,
    onChange: () => {
      if (virtualizer.getVirtualIndexes().join() !== drawn.range) redraw(undefined);
    },
  });
  if (drawn.size !== lines.size || drawn.start !== lines.start) {
    virtualizer.measure();
    Object.assign(drawn, { size: lines.size, start: lines.start });
  }
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  const indexes = virtualizer.getVirtualIndexes();
  drawn.range = indexes.join();
  return indexes;
}

/** Always as many lines, so that their elements are used again: those in the window and one beyond each edge. */
function around({ startIndex }: Range, { count, size, window }: Lines): number[] {
  const length = Math.min(count, Math.ceil(window / size) + 3);
  const first = Math.max(0, Math.min(startIndex - 1, count - length));
  return Array.from({ length }, (_, k) => first + k);
}

function withLine(indexes: number[], line: number, count: number): number[] {
  if (line < 0 || line >= count || indexes.includes(line)) return indexes;
  return [...indexes, line].sort((a, b) => a - b);
}
