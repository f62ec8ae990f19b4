import { Controls } from "./controls/Controls";
import { Progress } from "./controls/Progress";
import { List } from "./filter/List";
import { order } from "./filter/sorted";
import { Grid } from "./grid/Grid";
import { ChangeNote } from "./overlay/ChangeNote";
import { Plots } from "./plots/Plots";
import { Viewer } from "./viewer/Viewer";
import { failure, openCell, run } from "./state/view";

export function App() {
  if (failure.value !== null) return <p class="failure" role="alert">{failure.value}</p>;
  const shown = run.value;
  if (!shown) return <p class="loading">Reading the run …</p>;
  return (
    <>
      <header>
        <h1 dir="auto">{shown.head.name}</h1>
        <Progress run={shown} />
        <Controls run={shown} />
      </header>
      <Plots run={shown} />
      <main>
        {order.value ? <List run={shown} /> : <Grid run={shown} />}
        <ChangeNote />
      </main>
      {openCell.value !== null && <Viewer run={shown} cell={openCell.value} />}
    </>
  );
}
