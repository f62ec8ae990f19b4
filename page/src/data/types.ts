/**
 * The data of a page, as `cfgsweep/page/` writes them. Every file is a classic script with one call,
 * `cfgsweepPage("<name of the file>", <content>)`, since a page opened from a file cannot fetch anything.
 *
 *     data.js                 the head; replaced whole when the run goes on
 *     data/plan-<hash>.js     all cells of the run and their places on the axes
 *     data/results-<hash>.js  what some cells have: pictures, numbers
 *     data/details-<hash>.js  what is shown beside a large picture; loaded when one of its cells is opened
 *     thumbs/<hash>.webp      by the hash of the picture's pixels
 *
 * Files with a hash in their name never change.
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Head {
  format: 1;
  /** of the sweep */
  name: string;
  /** `running`: data.js is read again every `poll` milliseconds */
  state: "running" | "done";
  poll: number;
  /** of cfgsweep */
  version: string;
  /** addresses relative to the page, with `/` at their end */
  pictures: string;
  previews: string | null;
  thumbs: string;
  /** of `--single`, a page in one file: `data:` URLs by the addresses they stand for, of thumbnails and pictures */
  inline?: Record<string, string>;
  metrics: Metric[];
  /** a file, relative to the page */
  plan: string;
  /** files; a cell in several has what the last of them says */
  results: string[];
  /** values of an axis between which the picture changes abruptly, where `cfgsweep phase` wrote the run */
  transitions: Transition[];
}

export interface Axis {
  /** as in a sweep file */
  name: string;
  /** for people */
  label: string;
  values: AxisValue[];
  /** another axis, whose value decides the value of this one, as of axes that are zipped */
  follows?: string;
}

export interface AxisValue {
  /** by itself, as in titles: `cosine k_decay=0.7`, `value 0.1` */
  title: string;
  /** the same without the axis' name: `0.1` */
  text: string;
  /** null where it is no number */
  number: number | null;
  /** as an entry of `exclude` in a sweep file names it, and no other value of the axis; not there where nothing does */
  entry?: Json;
}

export interface Metric {
  name: string;
  /** null where that is not known */
  higherIsBetter: boolean | null;
}

export interface Transition {
  axis: string;
  /** it is between this number's value of the axis and the next one */
  after: number;
  /** how far the two pictures are apart, and what is usual */
  distance: number | null;
  /** the other axes' values, as numbers of `Axis.values`; an axis that is not there may have any */
  where: Record<string, number>;
}

export interface Plan {
  /** of the experiments, in the order of the run */
  ids: string[];
  /** of every axis, the number of each cell's value */
  axes: Record<string, number[]>;
  /** the axes in which the cells differ, in the order of a sweep file */
  described: Axis[];
  /** where `cfgsweep phase` searched over two settings: one for every combination of the other axes */
  maps?: PhaseMap[];
}

/** Which kind of picture is where in the plane of two settings, as clusters of the pictures. */
export interface PhaseMap {
  /** the settings in which the maps differ */
  title: string;
  across: MapSide;
  up: MapSide;
  /** the pictures; the nearest one tells the kind at any other place, distances as shares of both ranges */
  points: MapPoint[];
  /** rectangles that cover the plane without overlap */
  areas: MapArea[];
  /** for every kind the number of a cell that is typical of it; null where it is no cell of the page */
  typical: (number | null)[];
}

export interface MapSide {
  /** `value`, `guider.NAME.PARAMETER` or `schedule.NAME.PARAMETER` */
  name: string;
  /** for people */
  label: string;
  low: number;
  high: number;
  /** how exactly boundaries are known: the side of the smallest areas is at most that */
  tolerance: number;
}

export interface MapPoint {
  /** the number in `Plan.ids` */
  cell: number;
  x: number;
  y: number;
  /** from 0; the most frequent kind first */
  kind: number;
}

export interface MapArea {
  left: number;
  right: number;
  bottom: number;
  top: number;
  /** of the pictures at its four corners; null where these are of several kinds, so that a boundary goes through it */
  kind: number | null;
}

/** One value a cell: the same for all, numbers of distinct values, or each by itself. */
export type Column<T> = { same: T } | { values: T[]; codes: number[] } | { each: T[] };

export interface Results {
  /** the cells' numbers in `Plan.ids`; columns are in this order */
  at: number[];
  /** the file's name without `.webp`; null where there is no picture */
  thumb: Column<string | null>;
  /** the average colour, 0xRRGGBB */
  colour: Column<number | null>;
  /** why there is no picture; null where there is one */
  reason: Column<string | null>;
  /** the fields of records as `cfgsweep table --each` names them, numbers of metrics among them */
  fields: Record<string, Column<Json>>;
  /** what each cell is to be compared with; not there where no cell has one */
  control?: Column<Control | null>;
  /** a file, relative to the page */
  details: string;
}

/**
 * The picture of the baseline that matches a cell, of the same seed, label and prompt: plain guidance of the same
 * effective scale, unless `compare` of the sweep names something else. Null of cells of the baseline itself, and where
 * nothing matches.
 */
export interface Control {
  /** of the experiment; its picture is in `Head.pictures`, named as those of cells */
  id: string;
  /** as in `Results.thumb` */
  thumb: string;
  /** the average colour, 0xRRGGBB */
  colour: number;
  /** for people: `cfg 2.31` */
  title: string;
  /** of this picture */
  effectiveScale: number | null;
  /** its number in `Plan.ids`; null of a picture that was added for the comparison, which is no cell */
  cell: number | null;
}

/** Of the cells of one file of results, in the same order. */
export type Details = Detail[];

export interface Detail {
  /** as in experiments.jsonl */
  record: Record<string, Json>;
  /** the schedule's guidance scale at every step */
  schedule: (number | null)[] | null;
  /** numbers of every call of the denoiser, by their names */
  diagnostics: Record<string, (number | null)[]> | null;
  /** whether there is `previews/<id>.png` */
  hasPreviews: boolean;
  /** the steps, from 1, of whose x0 the previews are, in turn; null or not there where that is not known */
  previewSteps?: number[] | null;
  /** what can be copied, by what it is called: a sweep file, a Python snippet, a diffusers guider, the A1111 line */
  copies: Record<string, string>;
}
