import type { RetryPolicy } from '../plan/template.js'

/**
 * Milliseconds to wait before the n-th retry, from 1: exponential `initial × 2ⁿ⁻¹`, linear `initial × n`, or none at all,
 * never more than `max_ms` (TECH-003 section 3.1: 2 s to 60 s).
 */
export const retryDelay = ({ backoff, initial_ms, max_ms }: RetryPolicy, n: number): number => {
  switch (backoff) {
    case 'exponential':
      return Math.min(initial_ms * 2 ** (n - 1), max_ms)
    case 'linear':
      return Math.min(initial_ms * n, max_ms)
    case 'none':
      return 0
  }
}
