/** The shapes of dots: groups that have the same colour differ in their shape. */

import type uPlot from "uplot";

const SHAPES = ["circle", "square", "triangle"] as const;
export type Shape = (typeof SHAPES)[number];

const COLOURS = 5;

export function shapeOf(order: number): Shape {
  return SHAPES[Math.floor(order / COLOURS) % SHAPES.length] ?? "circle";
}

/** In the coordinates of an SVG or a canvas. */
export function outlineOf(shape: Shape, x: number, y: number, radius: number): string {
  const [left, top] = [x - radius, y - radius];
  const side = 2 * radius;
  if (shape === "square") return `M${left} ${top}h${side}v${side}h${-side}z`;
  if (shape === "triangle") return `M${x} ${top}l${radius} ${side}h${-side}z`;
  return `M${left} ${y}a${radius} ${radius} 0 1 0 ${side} 0a${radius} ${radius} 0 1 0 ${-side} 0z`;
}

/** All points of a series that are in the plot; uPlot's own leave out some of several at the same x. */
export function dotPaths(shape: Shape): uPlot.Series.Points.PathBuilder {
  return (plot, series) => {
    const [xs, ys] = [plot.data[0], plot.data[series]];
    const { left, top, width, height } = plot.bbox;
    const radius = ((plot.series[series]?.points?.size ?? 6) / 2) * devicePixelRatio;
    const fill = new Path2D();
    ys?.forEach((value, at) => {
      if (value == null) return;
      const x = Math.round(plot.valToPos(xs[at] ?? 0, "x", true));
      const y = Math.round(plot.valToPos(value, "y", true));
      const isInside = x >= left && x <= left + width && y >= top && y <= top + height;
      if (isInside) fill.addPath(new Path2D(outlineOf(shape, x, y, radius)));
    });
    return { fill };
  };
}
