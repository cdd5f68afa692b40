import type { Writable } from 'node:stream'

/**
 * Sends what is written within one turn of the event loop with one system call. amqplib writes frame by frame, so that every
 * acknowledgement and every message costs a call of its own; nothing is sent later than at the end of the turn.
 */
export const gatherWrites = (stream: Writable): void => {
  const write = stream.write.bind(stream) as (...written: unknown[]) => boolean
  let isGathering = false
  stream.write = (...written: unknown[]) => {
    if (!isGathering) {
      isGathering = true
      stream.cork()
      process.nextTick(() => {
        isGathering = false
        stream.uncork()
      })
    }
    return write(...written)
  }
}
