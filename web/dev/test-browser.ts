/** What jsdom lacks of a browser, as little as the room's parts need to be drawn. */

class StillObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

export function completeBrowser(): void {
  Object.assign(globalThis, { ResizeObserver: StillObserver });
  Object.defineProperty(HTMLMediaElement.prototype, "play", { configurable: true, value: async () => {} });
  Object.defineProperty(HTMLMediaElement.prototype, "srcObject", {
    configurable: true,
    writable: true,
    value: null,
  });
  Object.assign(HTMLElement.prototype, { scrollTo: () => {} });
  Object.assign(HTMLDialogElement.prototype, {
    showModal(this: HTMLDialogElement) {
      this.open = true;
    },
    close(this: HTMLDialogElement) {
      this.open = false;
    },
  });
}
