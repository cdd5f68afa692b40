/** A process that stayed up this long has recovered: its next crash counts as the first again. */
export const recoveredAfterMs = 30_000

/** How long to wait before the n-th restart in a row (from 1): 100 ms, doubled each time, 10 s at most. */
export const restartDelayMs = (inARow: number): number => Math.min(10_000, 100 * 2 ** (inARow - 1))
