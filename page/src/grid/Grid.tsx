import type { Run } from "../data/run";

export function Grid(props: { run: Run }) {
  return <p hidden>{props.run.size}</p>;
}
