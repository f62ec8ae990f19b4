/** The dots of a plot, drawn on its canvas: a path for each group, since there may be many thousands of points. */

import type uPlot from "uplot";
import type { Plot } from "./draw";
import { lookOf, outlineOf } from "./shapes";

const [SIZE, SIZE_OF_MANY, RING] = [8, 4, 13];
const MANY = 2000;

/** colour: of a CSS variable. */
export function drawDots(drawn: uPlot, { points, front }: Plot, colour: (variable: string) => string): void {
  const { ctx } = drawn;
  const radius = ((points.length > MANY ? SIZE_OF_MANY : SIZE) / 2) * devicePixelRatio;
  const [outlines, groups, rings] = [new Map<number, Path2D>(), new Map<number, Path2D>(), new Path2D()];
  for (const point of points) {
    const at = placeIn(drawn, point.x, point.y);
    if (!at) continue;
    const outline = outlines.get(point.group) ?? new Path2D(outlineOf(lookOf(point.group).shape, 0, 0, radius));
    outlines.set(point.group, outline);
    const group = groups.get(point.group) ?? new Path2D();
    groups.set(point.group, group);
    group.addPath(outline, at);
    if (front?.has(point)) rings.addPath(new Path2D(outlineOf("circle", 0, 0, (RING / 2) * devicePixelRatio)), at);
  }
  ctx.save();
  for (const [group, path] of groups) {
    ctx.fillStyle = colour(lookOf(group).colour);
    ctx.fill(path);
  }
  ctx.strokeStyle = colour("--text");
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([]);
  ctx.stroke(rings);
  ctx.restore();
}

/** As a move in pixels of the canvas; null of a point outside of the part that is shown. */
function placeIn(drawn: uPlot, x: number, y: number): DOMMatrix2DInit | null {
  const { left, top, width, height } = drawn.bbox;
  const e = Math.round(drawn.valToPos(x, "x", true));
  const f = Math.round(drawn.valToPos(y, "y", true));
  return e >= left && e <= left + width && f >= top && f <= top + height ? { e, f } : null;
}
