import { signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Run } from "../data/run";
import { Nothing } from "../grid/Nothing";
import { followPictures } from "../grid/follow";
import { showLoaded } from "../grid/Picture";
import { px } from "../shared/px";
import { largestPicture } from "../grid/shown";
import { FIRST, scaled } from "../grid/geometry";
import { useRoom } from "../grid/useRoom";
import { useLines } from "../grid/virtual";
import { openCell, view } from "../state/view";
import { movedBy, tilesOf, type Tiles } from "./tiles";
import { sorted } from "./sorted";
import { Tile } from "./Tile";

/** The place in the list that has the focus. */
const active = signal(0);

/** Counts the moves of the focus, so that it follows after the list has been drawn. */
const moves = signal(0);

function moveTo(place: number): void {
  active.value = place;
  moves.value++;
}

const room = signal({ width: 0, height: 0 });

/** The sorted cells as tiles that wrap; those near the window are in the document. */
export function List(props: { run: Run }) {
  const scroller = useRef<HTMLDivElement>(null);
  useRoom(scroller, room);
  const tiles = tilesOf(sorted.value.length, scaled(largestPicture.value, view.value.zoom || FIRST), room.value);
  return (
    <div class="list-window" ref={scroller}>
      {room.value.width > 0 && <Rows run={props.run} tiles={tiles} scroller={() => scroller.current} />}
    </div>
  );
}

function Rows({ run, tiles, scroller }: { run: Run; tiles: Tiles; scroller: () => HTMLElement | null }) {
  const cells = sorted.value;
  const place = Math.min(active.value, cells.length - 1);
  const kept = Math.floor(place / tiles.across);
  const rows = useLines({ count: tiles.down, size: tiles.tile.height, start: 0, window: room.value.height, horizontal: false, scroller, kept });
  useFocus(scroller, tiles);
  if (!cells.length) return <Nothing />;
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const to = movedBy(event.key, place, tiles, cells.length);
    if (to === null) return;
    moveTo(to);
    event.preventDefault();
  };
  return (
    <div
      class="list"
      role="grid"
      aria-label="Sorted pictures"
      aria-rowcount={tiles.down}
      aria-colcount={tiles.across}
      style={px({ height: tiles.down * tiles.tile.height })}
      onKeyDown={press}
      {...showLoaded}
      {...followPictures}
    >
      {rows.map((row) => (
        <div key={row} class="list-row" role="row" aria-rowindex={row + 1} style={px({ top: row * tiles.tile.height })}>
          {cells.slice(row * tiles.across, (row + 1) * tiles.across).map((cell, column) => (
            <Tile
              key={cell}
              run={run}
              cell={cell}
              tiles={tiles}
              column={column}
              isActive={row * tiles.across + column === place}
              onFocus={() => (active.value = row * tiles.across + column)}
            />
          ))}
        </div>
      ))}
    </div>
  );
}

/** Gives the focus to the tile it has moved to, and to that of the large view when this is closed. */
function useFocus(scroller: () => HTMLElement | null, tiles: Tiles): void {
  const done = useRef(moves.value);
  const opened = useRef<number | null>(null);
  useLayoutEffect(() => {
    if (done.current === moves.value) return;
    done.current = moves.value;
    const element = scroller();
    const tile = element?.querySelector<HTMLElement>("[data-active]");
    tile?.focus({ preventScroll: true });
    if (element) reveal(element, Math.floor(active.value / tiles.across) * tiles.tile.height, tiles.tile.height);
  });
  const open = openCell.value;
  useLayoutEffect(() => {
    const place = opened.current === null ? -1 : sorted.value.indexOf(opened.current);
    opened.current = open;
    if (open === null && place >= 0) moveTo(place);
  }, [open]);
}

function reveal(element: HTMLElement, top: number, height: number): void {
  const end = top + height - element.clientHeight;
  if (element.scrollTop > top) element.scrollTop = top;
  else if (element.scrollTop < end) element.scrollTop = end;
}
