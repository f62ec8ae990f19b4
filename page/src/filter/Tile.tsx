import type { Run } from "../data/run";
import { Content, nameOf } from "../grid/Picture";
import { openAt } from "../grid/pointing";
import { px } from "../shared/px";
import { CellMarks } from "../marks/Marks";
import { notesOf } from "../overlay/notes";
import { Overlay } from "../overlay/Overlay";
import { valueOf } from "./fields";
import { digits } from "../shared/digits";
import { order } from "./sorted";
import type { Tiles } from "./tiles";

interface TileProps {
  run: Run;
  cell: number;
  tiles: Tiles;
  column: number;
  isActive: boolean;
  onFocus: () => void;
}

/** A picture with its settings and its value of the field that the list is sorted by. */
export function Tile({ run, cell, tiles, column, isActive, onFocus }: TileProps) {
  const name = nameOf(run, cell);
  const value = sortedBy(run, cell);
  const { width, height } = tiles.picture;
  return (
    <div class="tile" role="gridcell" aria-colindex={column + 1} style={px({ ...tiles.tile, left: column * tiles.tile.width })}>
      <div class="grid-picture" data-cell={cell} style={px({ width, height })}>
        <button
          type="button"
          class={`state-${run.state(cell)}`}
          aria-label={[name, value, ...notesOf(run, cell)].join(", ")}
          title={name}
          tabIndex={isActive ? 0 : -1}
          data-active={isActive || undefined}
          style={{ backgroundColor: run.colour(cell) ?? undefined }}
          onClick={() => openAt(run, cell)}
          onFocus={onFocus}
        >
          <Content run={run} cell={cell} zoom={Math.max(width, height)} />
        </button>
        <Overlay run={run} cell={cell} />
        <CellMarks run={run} cell={cell} />
      </div>
      <p class="tile-value" aria-hidden="true">{value}</p>
      <p class="tile-title" dir="auto" aria-hidden="true" title={name}>{name}</p>
    </div>
  );
}

function sortedBy(run: Run, cell: number): string {
  const field = order.value?.field ?? "";
  const value = valueOf(run, field)(cell);
  if (value === null) return `no ${field}`;
  return `${field} ${typeof value === "number" ? digits(value) : typeof value === "string" ? value : JSON.stringify(value)}`;
}
