import type { Run } from "../data/run";

export function Viewer(props: { run: Run; cell: number }) {
  return <p hidden>{props.run.size}</p>;
}
