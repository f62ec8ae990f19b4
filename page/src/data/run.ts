/** The run of the page: its cells by number, with the columns of all result files joined. */

import { detailsOf } from "./details";
import { load, loadAgain } from "./load";
import type { Axis, Column, Control, Detail, Head, Json, Plan, Results } from "./types";

/** Where a cell's values are: a file of results, and the cell's place in its columns. */
interface Place {
  results: Results;
  row: number;
}

/** The head, and the axes of the plan. */
interface Known extends Head {
  axes: Axis[];
}

/** What is known of a run at one moment. Never changed: when more of the run is there, there is another one. */
export class Run {
  private knownFields: string[] | undefined;

  private constructor(
    readonly head: Known,
    readonly plan: Plan,
    private readonly places: (Place | undefined)[],
    private readonly numbers: ReadonlyMap<string, number>,
  ) {}

  static async open(): Promise<Run> {
    return Run.of(await headNow());
  }

  /** The run with what has come since; this one where nothing has. Files that are known are not read again. */
  async refreshed(): Promise<Run> {
    const head = await headNow();
    const same = head.plan === this.head.plan && head.results.join() === this.head.results.join();
    return same && head.state === this.head.state ? this : Run.of(head, this);
  }

  static async of(head: Head, earlier?: Run): Promise<Run> {
    const found = await load<Partial<Plan> | null>(head.plan);
    if (!Array.isArray(found?.ids) || !Array.isArray(found.described)) throw new Error(`${head.plan} is damaged.`);
    const plan = found as Plan;
    const old = earlier?.plan === plan ? earlier : undefined;
    const known = old?.head.results ?? [];
    const goesOn = known.every((name, k) => head.results[k] === name);
    const places = goesOn && old ? [...old.places] : new Array<Place | undefined>(plan.ids.length);
    const names = goesOn ? head.results.slice(known.length) : head.results;
    const loaded = await Promise.all(names.map((name) => load<Partial<Results> | null>(name)));
    loaded.forEach((results, k) => {
      if (!Array.isArray(results?.at)) throw new Error(`${names[k] ?? ""} is damaged.`);
      results.at.forEach((cell, row) => (places[cell] = { results: results as Results, row }));
    });
    const numbers = old?.numbers ?? new Map(plan.ids.map((id, number) => [id, number]));
    return new Run({ ...head, axes: plan.described }, plan, places, numbers);
  }

  get size(): number {
    return this.plan.ids.length;
  }

  axis(name: string): Axis | undefined {
    return this.head.axes.find((axis) => axis.name === name);
  }

  /** The number of a cell by its experiment's id. */
  cell(id: string): number | undefined {
    return this.numbers.get(id);
  }

  id(cell: number): string {
    return this.plan.ids[cell] ?? "";
  }

  /** The number of the cell's value of an axis. */
  value(cell: number, axis: string): number {
    return this.plan.axes[axis]?.[cell] ?? 0;
  }

  state(cell: number): "waiting" | "done" | "failed" {
    if (!this.places[cell]) return "waiting";
    return this.reason(cell) === null ? "done" : "failed";
  }

  reason(cell: number): string | null {
    return this.at(cell, (results) => results.reason);
  }

  /** The average colour for CSS; null where there is no picture. */
  colour(cell: number): string | null {
    const colour = this.at(cell, (results) => results.colour);
    return colour === null ? null : `#${colour.toString(16).padStart(6, "0")}`;
  }

  thumb(cell: number): string | null {
    const thumb = this.at(cell, (results) => results.thumb);
    return thumb === null ? null : this.address(`${this.head.thumbs}${thumb}.webp`);
  }

  picture(cell: number): string | null {
    return this.state(cell) === "done" ? this.address(`${this.head.pictures}${this.id(cell)}.png`) : null;
  }

  /** The address of the picture of an experiment, which may be no cell of the page. */
  pictureOf(id: string): string {
    return this.address(`${this.head.pictures}${id}.png`);
  }

  previews(cell: number): string | null {
    return this.head.previews === null ? null : this.address(`${this.head.previews}${this.id(cell)}.png`);
  }

  /** What the cell is to be compared with; null where there is nothing. */
  control(cell: number): Control | null {
    return this.at(cell, (results) => results.control);
  }

  /** Whether any cell has something that it is to be compared with. */
  get hasControls(): boolean {
    return this.places.some((place) => place?.results.control !== undefined);
  }

  /** A field of the cell's record; null where it has none. */
  field(cell: number, name: string): Json {
    return this.at(cell, (results) => results.fields[name]);
  }

  /** The names of all fields of records. */
  get fields(): readonly string[] {
    if (!this.knownFields) {
      const all = new Set(this.places.map((place) => place?.results));
      this.knownFields = [...new Set([...all].flatMap((results) => Object.keys(results?.fields ?? {})))];
    }
    return this.knownFields;
  }

  /** What is shown beside the large picture. */
  async detail(cell: number): Promise<Detail | null> {
    const place = this.places[cell];
    if (!place) return null;
    return (await detailsOf(place.results.details))[place.row] ?? null;
  }

  private address(file: string): string {
    return this.head.inline?.[file] ?? encodeURI(file);
  }

  private at<T>(cell: number, of: (results: Results) => Column<T> | undefined): T | null {
    const place = this.places[cell];
    if (!place) return null;
    const column = of(place.results);
    return column ? valueOf(column, place.row) : null;
  }
}

/** The head as it is now. Throws where data.js has none. */
async function headNow(): Promise<Head> {
  const head = await loadAgain<Partial<Head> | null>("data.js");
  if (typeof head?.plan !== "string" || !Array.isArray(head.results)) throw new Error("data.js is damaged.");
  if (head.format !== 1) throw new Error("data.js is of another version of cfgsweep.");
  return head as Head;
}

function valueOf<T>(column: Column<T>, row: number): T | null {
  if ("same" in column) return column.same;
  if ("each" in column) return column.each[row] ?? null;
  return column.values[column.codes[row] ?? 0] ?? null;
}
