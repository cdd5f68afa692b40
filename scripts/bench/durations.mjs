/** The value that this share of the values does not exceed (nearest rank). */
const percentile = (sorted, share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]

/** Durations in milliseconds as their figures, to so many decimals. */
export const figuresOf = (durationsMs, decimals = 1) => {
  const sorted = [...durationsMs].sort((a, b) => a - b)
  const round = (ms) => (ms === undefined ? null : Number(ms.toFixed(decimals)))
  return {
    count: sorted.length,
    p50_ms: round(percentile(sorted, 0.5)),
    p99_ms: round(percentile(sorted, 0.99)),
    most_ms: round(sorted.at(-1)),
  }
}
