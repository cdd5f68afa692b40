import { until } from '../supervisor/until.js'

/** Resolves when this health server says that its process is ready. */
export const untilReady = (healthUrl: string, signal: AbortSignal): Promise<void> =>
  until(
    async () => {
      const response = await fetch(`${healthUrl}/ready`, { signal: AbortSignal.timeout(3_000) })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`/ready answered ${response.status}`)
    },
    signal,
    100,
  )
