import type { Run } from "../data/run";
import { view } from "../state/view";
import { isPlaying } from "./player";
import { reference } from "./reference";
import { titleOf } from "./settings";

const WAYS = { none: "", wipe: "wiped over", difference: "difference from", side: "beside" };

/** Says which picture is shown, to those who do not see it. Says nothing while pictures are played. */
export function Announcement({ run, cell }: { run: Run; cell: number }) {
  return (
    <p class="hidden-text" role="status">
      {!isPlaying.value && textOf(run, cell)}
    </p>
  );
}

function textOf(run: Run, cell: number): string {
  const { compare, large } = view.value;
  const other = reference.value;
  const missing = run.state(cell) === "failed" ? "failed" : "not there yet";
  const name = other?.kind === "control" ? "control" : "reference";
  return [
    titleOf(run, cell),
    run.state(cell) === "done" ? "" : missing,
    compare !== "none" && other ? `${WAYS[compare]} the ${name} ${other.title}` : "",
    large.control && !other ? "no control" : "",
  ].filter(Boolean).join(", ");
}
