import { path, ProblemStop, type Api } from './api.js'
import type { History, HistoryEvent } from './answers.js'
import { exitCodes, Stop } from './exit.js'

/** A server that is away for longer than this is given up, and so is a journey that was expected and never came. */
const patienceMs = 30_000

export type Following = {
  signal: AbortSignal
  pauseMs: number
  /** The journey may not be there yet. */
  isExpected?: boolean
}

/**
 * A client's history from its beginning and then live, part by part, until the signal; an empty part tells that nothing is
 * new. Outlasts short outages.
 *
 * @throws Stop when the server says no, or stays away
 */
export async function* follow(api: Api, clientId: string, following: Following): AsyncGenerator<HistoryEvent[]> {
  const { signal, pauseMs, isExpected = false } = following
  let cursor: string | undefined
  let troubledSince: number | undefined
  const isEnded = () => signal.aborted
  while (!isEnded()) {
    try {
      const history = await api.get<History>(path`/journeys/${clientId}/history`, { limit: 500, cursor })
      troubledSince = undefined
      cursor = history.last_cursor ?? undefined
      yield history.items
      if (history.next_cursor !== null) continue
    } catch (error) {
      if (isEnded()) return
      const isPassing = isOutage(error) || (isExpected && cursor === undefined && isUnknown(error))
      troubledSince ??= Date.now()
      if (!isPassing || Date.now() - troubledSince > patienceMs) throw error
    }
    await pause(pauseMs, signal)
  }
}

/** Does something beside following; undefined while the server is away, which following itself outlasts or gives up. */
export const unlessAway = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await work()
  } catch (error) {
    if (isOutage(error)) return undefined
    throw error
  }
}

const isOutage = (error: unknown): boolean =>
  error instanceof ProblemStop
    ? [500, 502, 503, 504].includes(error.problem.status)
    : error instanceof Stop && error.exitCode === exitCodes.unreachable

const isUnknown = (error: unknown): boolean => error instanceof ProblemStop && error.problem.code === 'journey/unknown'

/** Waits, no longer than the signal lets. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) {
      resolve()
      return
    }
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
