// Counters by name. Names that count 0 are not there.
export type Counts = Map<string, number>;

/** Adds to the count of a name; an absent name counts nothing. */
export function addTo(counts: Counts, name: string | undefined, amount: number): void {
  if (name === undefined) return;
  const count = (counts.get(name) ?? 0) + amount;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}
