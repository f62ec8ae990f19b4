import type { Run } from "../data/run";

export function Controls(props: { run: Run }) {
  return <p hidden>{props.run.size}</p>;
}
