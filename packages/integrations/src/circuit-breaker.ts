export type CircuitState = 'closed' | 'half_open' | 'open'

/** One call that was let through. Exactly one of the two is to be called, once, when it is known how the call ended. */
export type Permit = { succeeded(): void; failed(): void }

/**
 * Keeps calls from a server that fails: opens after failures in a row, and after a while lets a few probes through, all of
 * which must succeed to close it; one that fails opens it again (ARCH-003 section 9.2). Calls that began before it opened
 * no longer count. A library's breaker would not do: they close after one probe, or do not say when they will try again.
 */
export interface CircuitBreaker {
  readonly state: CircuitState
  /** Lets one call through, or says in how many milliseconds it is worth asking again. */
  admit(): Permit | { readonly retryInMs: number }
}

export type CircuitBreakerOptions = {
  /** How many failures in a row open it. */
  failures: number
  openMs: number
  /** How many calls are let through after that time, and must all succeed. */
  probes: number
  /** How long a probe takes at most: what a call waits for that comes while all probes are under way. */
  probeMs: number
  onChange?: (state: CircuitState) => void
  /** Milliseconds, from any start, never going back. */
  now?: () => number
}

export const createCircuitBreaker = (options: CircuitBreakerOptions): CircuitBreaker => {
  const { failures, openMs, probes, probeMs, onChange, now = () => performance.now() } = options
  let state: CircuitState = 'closed'
  /** Raised at every change of state; a permit counts in its own only. */
  let epoch = 0
  let failed = 0
  let openUntil = 0
  let admitted = 0
  let succeeded = 0

  const enter = (next: CircuitState): void => {
    state = next
    epoch++
    failed = admitted = succeeded = 0
    if (next === 'open') openUntil = now() + openMs
    onChange?.(next)
  }

  const permit = (): Permit => {
    const begun = epoch
    return {
      succeeded: () => {
        if (begun !== epoch) return
        failed = 0
        if (state === 'half_open' && ++succeeded === probes) enter('closed')
      },
      failed: () => {
        if (begun === epoch && (state === 'half_open' || ++failed >= failures)) enter('open')
      },
    }
  }

  return {
    get state() {
      return state
    },
    admit: () => {
      if (state === 'open') {
        const retryInMs = openUntil - now()
        if (retryInMs > 0) return { retryInMs }
        enter('half_open')
      }
      if (state === 'half_open' && admitted++ >= probes) return { retryInMs: probeMs }
      return permit()
    },
  }
}
