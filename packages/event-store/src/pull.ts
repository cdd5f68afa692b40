import type { Readable } from 'node:stream'
import type { Connection } from './connection.js'

export type Pull = {
  connection: Connection
  /** Ends the call at the server. */
  cancel: () => Promise<void>
  /** Fails with what `silence` tells when the next item takes longer than `ms`; the time the reader spends on an item does not count. */
  limit?: { ms: number; silence: () => Error }
  /** Ends the call without an error. */
  signal?: AbortSignal | undefined
}

/**
 * What a read or a subscription of the client delivers, item by item, as fast as it is asked for. It throws what the call
 * fails with; leaving the loop early ends the call at the server.
 *
 * Not the stream's own iterator, because that destroys the stream when it is left. The client counts a call as under way
 * until all it received is consumed, and its `dispose()` waits for that, so the rest has to flow off.
 */
export async function* pulled<Item>(
  call: Readable,
  { connection, cancel, limit, signal }: Pull,
): AsyncGenerator<Item, void, undefined> {
  const state: { isOver: boolean; hasLeft: boolean; failure?: { error: unknown } } = { isOver: false, hasLeft: false }
  let wake = ignore
  const onReadable = () => wake()
  const onEnd = () => {
    state.isOver = true
    wake()
  }
  const onError = (error: unknown) => {
    state.failure ??= { error }
    wake()
  }
  const leave = () => {
    if (state.hasLeft) return
    state.hasLeft = true
    call.off('readable', onReadable).resume()
    if (!state.isOver && !state.failure) cancel().catch(ignore)
  }
  const onAbort = () => {
    leave()
    onEnd()
  }
  const untrack = connection.track((reason) => {
    leave()
    onError(reason)
  })
  signal?.addEventListener('abort', onAbort)
  call.on('readable', onReadable).on('end', onEnd).on('error', onError) // an error may still come after the loop is left
  if (signal?.aborted) onAbort()
  try {
    for (;;) {
      const item = state.hasLeft ? null : (call.read() as Item | null)
      if (item !== null) {
        yield item
        continue
      }
      if (state.failure) throw state.failure.error
      if (state.isOver) return
      const timer = limit && setTimeout(() => onError(limit.silence()), limit.ms)
      await new Promise<void>((resolve) => (wake = resolve))
      clearTimeout(timer)
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    untrack()
    leave()
  }
}

const ignore = (): void => undefined
