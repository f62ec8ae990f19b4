/** The looks of groups: those that have the same colour differ in the shape of their dots and the dashes of their curve. */

import { COLOURS, seriesColour } from "../shared/colours";

const SHAPES = ["circle", "square", "triangle", "diamond", "plus", "inverted"] as const;
type Shape = (typeof SHAPES)[number];

const DASHES = [[], [8, 4], [2, 3], [8, 3, 2, 3], [14, 4], [4, 2]];

export interface Look {
  /** as a CSS variable */
  colour: string;
  shape: Shape;
  dash: readonly number[];
}

/** How a value of an axis is drawn, by its number on the axis: as it is whatever else is shown; 48 are distinct. */
export function lookOf(value: number): Look {
  const round = Math.floor(value / COLOURS) % SHAPES.length;
  return { colour: seriesColour(value), shape: SHAPES[round] ?? "circle", dash: DASHES[round] ?? [] };
}

/** In the coordinates of an SVG or a canvas. */
export function outlineOf(shape: Shape, x: number, y: number, radius: number): string {
  const [left, top] = [x - radius, y - radius];
  const side = 2 * radius;
  if (shape === "square") return `M${left} ${top}h${side}v${side}h${-side}z`;
  if (shape === "diamond") return `M${x} ${top}l${radius} ${radius}l${-radius} ${radius}l${-radius} ${-radius}z`;
  if (shape === "inverted") return `M${left} ${top}h${side}l${-radius} ${side}z`;
  if (shape === "plus") return plusOf(x, y, radius);
  if (shape === "triangle") return `M${x} ${top}l${radius} ${side}h${-side}z`;
  return `M${left} ${y}a${radius} ${radius} 0 1 0 ${side} 0a${radius} ${radius} 0 1 0 ${-side} 0z`;
}

function plusOf(x: number, y: number, radius: number): string {
  const arm = (2 * radius) / 3;
  return `M${x - arm / 2} ${y - radius}h${arm}v${arm}h${arm}v${arm}h${-arm}v${arm}h${-arm}v${-arm}h${-arm}v${-arm}h${arm}z`;
}
