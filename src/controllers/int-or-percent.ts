// Counts given as a number or as a share of a total: `3`, `25%`.

/** The count; a share is rounded up or down as told. Text that is no percentage counts as 0: validation let it not through. */
export function resolveIntOrPercent(value: number | string | undefined, total: number, round: "up" | "down"): number {
  if (value === undefined) return 0;
  if (typeof value === "number") return value;
  const match = /^([0-9]+)%$/.exec(value);
  if (match === null) return 0;
  const exact = (Number(match[1]) * total) / 100;
  return round === "up" ? Math.ceil(exact) : Math.floor(exact);
}
