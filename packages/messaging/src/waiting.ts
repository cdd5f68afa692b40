import { setTimeout as delay } from 'node:timers/promises'

/** Sleeps, or less when the signal is aborted; never rejects. */
export const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
  await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined)
}

/** Resolves when the promise does or the signal is aborted, whichever is first; leaves no listener behind. */
export const orAborted = async (promise: Promise<unknown>, signal: AbortSignal): Promise<void> => {
  if (signal.aborted) return
  const { promise: aborted, resolve } = deferred()
  const listener = (): void => resolve()
  signal.addEventListener('abort', listener)
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', listener)
  }
}

/** A growing delay: doubles with each failure from `firstMs` up to `mostMs`, with a random half taken off, so that many do not come back at once. */
export const growingDelay = (failures: number, firstMs: number, mostMs: number): number =>
  Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30)) * (0.5 + Math.random() / 2)

/** A promise with its handles. */
export type Deferred<T> = { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void }

export const deferred = <T = void>(): Deferred<T> => {
  let handles!: Omit<Deferred<T>, 'promise'>
  const promise = new Promise<T>((resolve, reject) => (handles = { resolve, reject }))
  return { promise, ...handles }
}

/** Resolves with the promise or after the limit, whichever is first; true when the promise was. */
export const within = async (ms: number, promise: Promise<unknown>): Promise<boolean> => {
  const limit = new AbortController()
  try {
    return await Promise.race([promise.then(() => true), sleep(ms, limit.signal).then(() => false)])
  } finally {
    limit.abort()
  }
}
