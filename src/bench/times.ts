/** The value below which `share` of the others lie; 0.5 is the median, 0 the least. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/** The middle half of the times over their median. */
export function spread(times: readonly number[]): number {
  return (percentile(times, 0.75) - percentile(times, 0.25)) / percentile(times, 0.5);
}
