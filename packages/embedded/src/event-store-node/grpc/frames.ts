import { CallFailed, Code } from './call-failed.js'

/** Before each message: a flag (1: compressed), and the length in four bytes (grpc.io, "gRPC over HTTP2"). */
const headLength = 5

/** Many messages as the bytes of one write. */
export const framed = (messages: readonly Uint8Array[]): Buffer => {
  const out = Buffer.allocUnsafe(messages.reduce((size, { length }) => size + headLength + length, 0))
  let at = 0
  for (const message of messages) {
    out[at] = 0
    out.writeUInt32BE(message.length, at + 1)
    out.set(message, at + headLength)
    at += headLength + message.length
  }
  return out
}

/** Takes the bytes of a call apart into messages, however they are cut. Each message has memory of its own, and so can be kept. */
export class Deframer {
  readonly #head = Buffer.alloc(headLength)
  #headFilled = 0
  #message: Buffer | undefined
  #filled = 0

  constructor(private readonly greatestLength: number) {}

  /** A message has begun that is not whole yet. */
  get isWithin(): boolean {
    return this.#headFilled > 0
  }

  /** @throws CallFailed for a message that is too large or compressed; and whatever `take` throws */
  push(chunk: Buffer, take: (message: Buffer) => void): void {
    let at = 0
    while (at < chunk.length) {
      if (!this.#message) {
        const part = chunk.copy(this.#head, this.#headFilled, at)
        at += part
        this.#headFilled += part
        if (this.#headFilled < headLength) return
        this.#message = Buffer.allocUnsafeSlow(this.#lengthAhead())
        this.#filled = 0
      }
      const message = this.#message
      const part = chunk.copy(message, this.#filled, at)
      at += part
      this.#filled += part
      if (this.#filled < message.length) return
      this.#message = undefined
      this.#headFilled = 0
      take(message)
    }
  }

  #lengthAhead(): number {
    const length = this.#head.readUInt32BE(1)
    if (this.#head[0] !== 0) throw new CallFailed(Code.UNIMPLEMENTED, 'Compressed messages are not supported')
    if (length > this.greatestLength)
      throw new CallFailed(
        Code.RESOURCE_EXHAUSTED,
        `Received message larger than max (${length} vs ${this.greatestLength})`,
      )
    return length
  }
}
