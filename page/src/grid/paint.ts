/** Draws cells on a canvas as their elements would show them. */

import type { Run } from "../data/run";
import type { Marked } from "../marks/store";
import { numberShown, type Drawn } from "../overlay/metric";
import { changesAt } from "../overlay/notes";
import { colourOf, textColourOf } from "../overlay/scale";
import { scaled } from "./geometry";
import { SMALL } from "./Picture";
import type { Thumbnails } from "./thumbnails";

export interface Brush {
  context: CanvasRenderingContext2D;
  run: Run;
  thumbnails: Thumbnails;
  metric: Drawn | null;
  marked: Marked;
  /** for CSS: of lines and signs, of what has failed, of what is upon the page, of abrupt changes */
  colours: { faint: string; bad: string; ground: string; change: string };
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export function paintCell(brush: Brush, cell: number, box: Box): void {
  const { context, run, marked } = brush;
  const id = run.id(cell);
  context.globalAlpha = marked.rejected.has(id) ? 0.35 : 1;
  const state = run.state(cell);
  if (state === "done") paintPicture(brush, cell, box);
  else paintReason(brush, box, state);
  context.globalAlpha = 1;
  if (brush.metric) paintMetric(brush, brush.metric, cell, box);
  const mark = marked.starred.has(id) ? "★" : marked.rejected.has(id) ? "✕" : null;
  if (mark !== null) paintText(brush, mark, { x: box.x + box.width - 12, y: box.y, width: 12, height: 12 }, brush.colours.ground, mark === "★" ? "" : brush.colours.bad);
  for (const { side } of changesAt(cell)) paintChange(brush, side, box);
}

function paintPicture({ context, run, thumbnails }: Brush, cell: number, box: Box): void {
  context.fillStyle = run.colour(cell) ?? "transparent";
  context.fillRect(box.x, box.y, box.width, box.height);
  const source = run.thumb(cell);
  const thumbnail = source === null ? null : thumbnails.get(source);
  if (!thumbnail) return;
  const size = scaled(thumbnail, Math.max(box.width, box.height));
  const fit = Math.min(1, box.width / size.width, box.height / size.height);
  const [width, height] = [size.width * fit, size.height * fit];
  context.drawImage(thumbnail, box.x + (box.width - width) / 2, box.y + (box.height - height) / 2, width, height);
}

function paintReason({ context, colours }: Brush, { x, y, width, height }: Box, state: "waiting" | "failed"): void {
  const hasFailed = state === "failed";
  context.fillStyle = context.strokeStyle = hasFailed ? colours.bad : colours.faint;
  context.lineWidth = 1;
  context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
  context.font = "12px system-ui, sans-serif";
  context.fillText(hasFailed ? "!" : "…", x + width / 2, y + height / 2);
}

function paintMetric(brush: Brush, metric: Drawn, cell: number, { x, y, width, height }: Box): void {
  const number = numberShown(metric, cell);
  if (!number) return;
  const { context } = brush;
  const { text, share } = number;
  context.fillStyle = context.strokeStyle = colourOf(share);
  if (metric.as === "outline") {
    context.lineWidth = width < SMALL ? 3 : 4;
    context.strokeRect(x + context.lineWidth / 2, y + context.lineWidth / 2, width - context.lineWidth, height - context.lineWidth);
  } else if (metric.as === "bar") {
    const bar = width < SMALL ? 4 : 8;
    context.fillRect(x, y + height - bar, width * share, bar);
  } else {
    context.globalAlpha = 0.85;
    context.fillRect(x, y, width, height);
    context.globalAlpha = 1;
  }
  if (width < SMALL) return;
  const isBelow = metric.as !== "heat";
  const place = isBelow ? { x, y: y + height - (metric.as === "bar" ? 26 : 18), width: 8 * text.length, height: 18 } : { x, y, width, height };
  paintText(brush, text, place, colourOf(share), textColourOf(share));
}

function paintText({ context, colours }: Brush, text: string, { x, y, width, height }: Box, ground: string, colour: string): void {
  context.fillStyle = ground;
  context.fillRect(x, y, width, height);
  context.fillStyle = colour || colours.faint;
  context.font = "12px system-ui, sans-serif";
  context.fillText(text, x + width / 2, y + height / 2);
}

/** As in overlay.css: a dashed line on the side of the next cell. */
function paintChange({ context, colours }: Brush, side: string, { x, y, width, height }: Box): void {
  context.strokeStyle = context.fillStyle = colours.change;
  if (side === "aside") {
    context.fillRect(x + width - 6, y + 2, 4, 4);
    return;
  }
  context.lineWidth = 3;
  context.setLineDash([4, 3]);
  context.beginPath();
  context.moveTo(side === "right" ? x + width + 1 : x, side === "right" ? y : y + height + 1);
  context.lineTo(side === "right" ? x + width + 1 : x + width, side === "right" ? y + height : y + height + 1);
  context.stroke();
  context.setLineDash([]);
}
