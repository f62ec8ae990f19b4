import { useEffect, useRef } from "preact/hooks";

export interface Key {
  /** as people read it */
  shown: string;
  does: string;
}

/** Keys and what they do, in a dialog. */
export function KeysHelp({ keys, onClose }: { keys: readonly Key[]; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog class="keys-help" ref={dialog} aria-labelledby="keys-title" onClose={onClose}>
      <h3 id="keys-title">Keys</h3>
      <dl>
        {keys.map((one) => (
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
