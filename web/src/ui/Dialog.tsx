/** A modal dialog: the browser keeps the focus inside and gives it back to where it came from. */
import { type ReactNode, useEffect, useId, useRef } from "react";
import { useSay } from "./context";
import { Icon } from "./icons";

export interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly actions?: ReactNode;
}

export function Dialog({ title, onClose, children, actions }: DialogProps) {
  const say = useSay();
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      className="dialog"
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <header className="dialog-head">
        <h2 id={titleId}>{title}</h2>
        <button
          type="button"
          className="btn quiet icon tight"
          onClick={onClose}
          aria-label={say("dialog.close")}
        >
          <Icon name="x" />
        </button>
      </header>
      <div className="dialog-body">{children}</div>
      {actions !== undefined && <footer className="dialog-acts">{actions}</footer>}
    </dialog>
  );
}

export interface ConfirmProps {
  readonly look: "danger" | "primary";
  readonly title: string;
  readonly consequence: string;
  readonly does: string;
  readonly onDo: () => void;
  readonly onClose: () => void;
}

/** Asks before what cannot be undone; names what will happen. */
export function Confirm({ look, title, consequence, does, onDo, onClose }: ConfirmProps) {
  const say = useSay();
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <button type="button" className="btn quiet" data-first onClick={onClose}>
            {say("dialog.cancel")}
          </button>
          <button
            type="button"
            className={`btn ${look}`}
            onClick={() => {
              onClose();
              onDo();
            }}
          >
            {does}
          </button>
        </>
      }
    >
      <p className="soft">{consequence}</p>
    </Dialog>
  );
}
