import { batch } from "@preact/signals";
import { render } from "preact";
import "./style/index.css";
import { App } from "./app";
import { listen } from "./data/load";
import { Run } from "./data/run";
import { followKeys } from "./marks/keys";
import { followStorage } from "./marks/store";
import { followPrinting } from "./grid/print";
import { fromHash } from "./state/address";
import { carried } from "./state/carried";
import { followAddress } from "./state/history";
import { failure, run, view } from "./state/view";

listen();
followAddress();
followPrinting();
followStorage();
followKeys();

/** Shows the run of the page, and reads it again as long as it goes on. */
async function show(): Promise<void> {
  const found = await Run.open();
  view.value = fromHash(location.hash, found);
  run.value = found;
  document.title = found.head.name;
  void follow(found);
}

async function follow(shown: Run): Promise<void> {
  while (shown.head.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, shown.head.poll));
    // A file that is being replaced just now is there the next time.
    const before = shown;
    shown = await before.refreshed().catch(() => before);
    batch(() => {
      view.value = carried(view.value, before, shown);
      run.value = shown;
    });
  }
}

show().catch((error: unknown) => {
  const why = error instanceof Error ? error.message : String(error);
  failure.value = `The page cannot be read: ${why} \`cfgsweep page\` writes it again.`;
});

const root = document.getElementById("app");
if (root) render(<App />, root);
