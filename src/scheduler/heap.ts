// A binary heap whose items know their place in it, so that any of them can be taken out.

export class Heap<Item extends object> {
  private readonly items: Item[] = [];
  private readonly places = new Map<Item, number>();

  constructor(private readonly comesBefore: (one: Item, other: Item) => boolean) {}

  get size(): number {
    return this.items.length;
  }

  peek(): Item | undefined {
    return this.items[0];
  }

  push(item: Item): void {
    this.set(this.items.length, item);
    this.rise(this.items.length - 1);
  }

  pop(): Item | undefined {
    const [first] = this.items;
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Nothing happens to an item that is not there. */
  remove(item: Item): void {
    const place = this.places.get(item);
    if (place === undefined) return;
    this.places.delete(item);
    const last = this.items.pop();
    if (last === undefined || last === item) return;
    this.set(place, last);
    this.rise(place);
    this.sink(place);
  }

  /** After a change of what the order depends on. */
  update(item: Item): void {
    const place = this.places.get(item);
    if (place === undefined) return;
    this.rise(place);
    this.sink(this.places.get(item) ?? place);
  }

  private set(place: number, item: Item): void {
    this.items[place] = item;
    this.places.set(item, place);
  }

  private swap(place: number, other: number): void {
    const [one, two] = [this.items[place], this.items[other]];
    if (one === undefined || two === undefined) return;
    this.set(place, two);
    this.set(other, one);
  }

  private isBefore(place: number, other: number): boolean {
    const [one, two] = [this.items[place], this.items[other]];
    return one !== undefined && two !== undefined && this.comesBefore(one, two);
  }

  private rise(from: number): void {
    for (let place = from; place > 0; ) {
      const parent = (place - 1) >>> 1;
      if (!this.isBefore(place, parent)) return;
      this.swap(place, parent);
      place = parent;
    }
  }

  private sink(from: number): void {
    for (let place = from; ; ) {
      const left = 2 * place + 1;
      const child = this.isBefore(left + 1, left) ? left + 1 : left;
      if (!this.isBefore(child, place)) return;
      this.swap(place, child);
      place = child;
    }
  }
}
