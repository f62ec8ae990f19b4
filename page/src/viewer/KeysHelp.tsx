import { useEffect, useRef } from "preact/hooks";
import { COMMANDS, OTHER_KEYS } from "./commands";

/** The keys of the large view and what they do. */
export function KeysHelp({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog class="keys-help" ref={dialog} aria-labelledby="keys-title" onClose={onClose}>
      <h3 id="keys-title">Keys</h3>
      <dl>
        {[...COMMANDS, ...OTHER_KEYS].map((one) => (
          <div key={one.shown}>
            <dt>
              <kbd>{one.shown}</kbd>
            </dt>
            <dd>{one.does}</dd>
          </div>
        ))}
      </dl>
      <button type="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}
