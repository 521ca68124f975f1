// What a process has started, so that it can be ended in the right order.

/** In the order of starting; ended in reverse. */
export class Started {
  private readonly parts: (() => unknown)[] = [];
  add(stop: () => unknown): void {
    this.parts.push(stop);
  }
  async stop(): Promise<void> {
    for (const stop of this.parts.splice(0).reverse()) await stop();
  }
}
