import type { ServerHttp2Stream } from 'node:http2'
import grpc from '@grpc/grpc-js'

/** What a server's call has below it: grpc-js wraps the HTTP/2 stream once, and once more for each interceptor. */
type Layer = { readonly call?: Layer; readonly nextCall?: Layer; readonly stream?: ServerHttp2Stream }

/** A call that answers with a stream of messages. */
type Call = { sendMetadata(metadata: grpc.Metadata): void }

/**
 * Sends many messages of one call at once. grpc-js sends one, waits until the socket has it, and sends the next: a system call
 * and a turn of the event loop for each. Here they are framed (a flag, the length, the bytes) and written together to the HTTP/2
 * stream below, in order; the end of the call still goes through grpc-js, and follows what was written.
 */
export class Outgoing {
  readonly #stream: ServerHttp2Stream

  constructor(private readonly call: Call) {
    this.#stream = streamBelow(call)
  }

  /** @returns false when the client has much to take yet: the caller waits until it is `drained` */
  write(messages: readonly Uint8Array[]): boolean {
    if (messages.length === 0 || this.#stream.destroyed || this.#stream.writableEnded) return true
    if (!this.#stream.headersSent) this.call.sendMetadata(new grpc.Metadata())
    return this.#stream.write(framed(messages))
  }

  onDrain(resume: () => void): void {
    this.#stream.on('drain', resume)
  }

  /** Resolves when all that was written is on its way, or the call has ended. */
  drained(ended: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (ended.aborted || !this.#stream.writableNeedDrain) {
        resolve()
        return
      }
      const done = (): void => {
        this.#stream.off('drain', done)
        ended.removeEventListener('abort', done)
        resolve()
      }
      this.#stream.once('drain', done)
      ended.addEventListener('abort', done)
    })
  }
}

const streamBelow = (call: object): ServerHttp2Stream => {
  for (let layer: Layer | undefined = call; layer; layer = layer.call ?? layer.nextCall)
    if (layer.stream) return layer.stream
  throw new Error('This release of grpc-js keeps the HTTP/2 stream of a call somewhere else')
}

const framed = (messages: readonly Uint8Array[]): Buffer => {
  const out = Buffer.allocUnsafe(messages.reduce((size, { length }) => size + 5 + length, 0))
  let at = 0
  for (const message of messages) {
    out[at] = 0 // not compressed
    out.writeUInt32BE(message.length, at + 1)
    out.set(message, at + 5)
    at += 5 + message.length
  }
  return out
}
