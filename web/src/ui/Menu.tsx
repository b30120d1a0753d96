/** A menu button: arrows, Home, End and Escape as people expect; the focus returns to the button. */
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

export interface MenuItem {
  readonly key: string;
  readonly label: ReactNode;
  readonly hint?: string;
  readonly danger?: boolean;
  readonly disabled?: boolean;
  readonly onSelect: () => void;
}

export interface MenuProps {
  readonly label: string;
  readonly button: ReactNode;
  readonly className: string;
  readonly items: readonly MenuItem[];
  readonly side?: "start" | "end";
  /** Lets a shortcut open the menu. */
  readonly shortcut?: string;
}

export function Menu({ label, button, className, items, side = "end", shortcut }: MenuProps) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const before = useRef<Element | null>(null);
  const id = useId();

  const close = (focus: "back" | "leave") => {
    setOpen(false);
    if (focus === "leave") return;
    opener.current?.focus();
    // A button out of sight takes no focus: then it goes back to where it was.
    if (document.activeElement !== opener.current && before.current instanceof HTMLElement)
      before.current.focus();
  };

  useEffect(() => {
    if (!open) return;
    before.current = document.activeElement;
    place(list.current, opener.current, side);
    list.current?.querySelector<HTMLElement>('[role="menuitem"]:not(:disabled)')?.focus();
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    const away = () => setOpen(false);
    document.addEventListener("pointerdown", outside);
    window.addEventListener("resize", away);
    return () => {
      document.removeEventListener("pointerdown", outside);
      window.removeEventListener("resize", away);
    };
  }, [open, side]);

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: only hears when the focus leaves the menu
    <div
      className="menu-root"
      ref={root}
      onBlur={(event) => {
        if (event.relatedTarget instanceof Node && !root.current?.contains(event.relatedTarget))
          setOpen(false);
      }}
    >
      <button
        ref={opener}
        type="button"
        className={className}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        data-shortcut={shortcut}
        onClick={() => setOpen(!open)}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown" || open) return;
          event.preventDefault();
          setOpen(true);
        }}
      >
        {button}
      </button>
      {open && (
        <div
          ref={list}
          id={id}
          className="menu"
          popover="manual"
          role="menu"
          aria-label={label}
          tabIndex={-1}
          onKeyDown={(event) => onMenuKey(event, close)}
        >
          {items.map((item) => (
            <button
              key={item.key}
              type="button"
              role="menuitem"
              tabIndex={-1}
              disabled={item.disabled === true}
              className={item.danger === true ? "danger" : ""}
              onClick={() => {
                close("back");
                item.onSelect();
              }}
            >
              <span className="cut">{item.label}</span>
              {item.hint !== undefined && <span className="faint small push num">{item.hint}</span>}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

const GAP_PX = 6;
const EDGE_PX = 8;

/** Puts the menu above everything, beside its button, on the side where there is room. */
function place(menu: HTMLElement | null, button: HTMLElement | null, side: "start" | "end"): void {
  if (menu === null || button === null) return;
  menu.showPopover?.();
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + GAP_PX;
  const top = below + height > window.innerHeight - EDGE_PX ? at.top - GAP_PX - height : below;
  const left = side === "end" ? at.right - width : at.left;
  menu.style.top = `${Math.max(EDGE_PX, top)}px`;
  menu.style.left = `${Math.min(Math.max(EDGE_PX, left), window.innerWidth - width - EDGE_PX)}px`;
}

function onMenuKey(event: KeyboardEvent<HTMLDivElement>, close: (focus: "back" | "leave") => void): void {
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>('[role="menuitem"]:not(:disabled)')];
  const at = document.activeElement instanceof HTMLElement ? items.indexOf(document.activeElement) : -1;
  const to = (index: number) => items.at(index % items.length)?.focus();
  switch (event.key) {
    case "ArrowDown":
      to(at + 1);
      break;
    case "ArrowUp":
      to(at - 1);
      break;
    case "Home":
      to(0);
      break;
    case "End":
      to(-1);
      break;
    case "Escape":
      close("back");
      break;
    case "Tab":
      close("leave");
      return;
    default:
      return;
  }
  event.preventDefault();
  event.stopPropagation();
}
