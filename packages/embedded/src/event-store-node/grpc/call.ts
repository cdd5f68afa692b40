import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { CallFailed, Code } from './call-failed.js'
import { Deframer, framed } from './frames.js'

const responseHeaders = {
  ':status': 200,
  'content-type': 'application/grpc+proto',
  'grpc-accept-encoding': 'identity',
}

/**
 * One call of a client: messages come in and go out, each way at the pace of the one who reads, until the call ends with a status.
 * What is sent after its end is passed over.
 */
export class Call {
  readonly #stream: ServerHttp2Stream
  readonly #gone = new AbortController()
  #isOver = false

  constructor(
    stream: ServerHttp2Stream,
    readonly headers: IncomingHttpHeaders,
    private readonly options: {
      readonly greatestMessage: number
      /** Any error as the status that the client gets. */
      readonly explain: (error: unknown) => CallFailed
    },
  ) {
    this.#stream = stream
    stream.on('error', () => undefined) // it closes, too
    stream.once('close', () => this.#leave())
  }

  /** Aborted when the call has ended early, on either side, or is over and done with. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** Hears each message, then the client's end. An error that is thrown ends the call. */
  receive(take: (message: Buffer) => void, end: () => void): void {
    const frames = new Deframer(this.options.greatestMessage)
    const guarded = (work: () => void): void => {
      if (this.#isOver) return
      try {
        work()
      } catch (error) {
        this.fail(error)
      }
    }
    const takeOne = (message: Buffer): void => {
      if (!this.#isOver) take(message)
    }
    this.#stream.on('data', (chunk: Buffer) => guarded(() => frames.push(chunk, takeOne)))
    this.#stream.on('end', () =>
      guarded(() => {
        if (frames.isWithin) throw new CallFailed(Code.INTERNAL, 'The call ends within a message')
        end()
      }),
    )
  }

  /** Lets the client wait with further messages, or not. */
  setPaused(isPaused: boolean): void {
    if (isPaused && !this.#isOver) this.#stream.pause()
    else if (this.#stream.isPaused()) this.#stream.resume()
  }

  /** @returns false when the client has much to take yet: the caller waits for `drained` */
  send(messages: readonly Uint8Array[]): boolean {
    if (this.#isOver || messages.length === 0 || this.#stream.destroyed) return true
    if (!this.#stream.headersSent) this.#respond()
    return this.#stream.write(framed(messages))
  }

  onDrain(resume: () => void): void {
    this.#stream.on('drain', resume)
  }

  /** Resolves when all that was sent is on its way, or the call has ended. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.gone.aborted || !this.#stream.writableNeedDrain) {
        resolve()
        return
      }
      const done = (): void => {
        this.#stream.off('drain', done)
        this.gone.removeEventListener('abort', done)
        resolve()
      }
      this.#stream.once('drain', done)
      this.gone.addEventListener('abort', done)
    })
  }

  /** Ends the call well, with a last message if there is one to send. */
  end(message?: Uint8Array): void {
    if (this.#isOver || this.#stream.destroyed) return
    this.#isOver = true
    if (!this.#stream.headersSent) this.#respond()
    this.#finish({ 'grpc-status': '0' })
    if (message) this.#stream.end(framed([message]))
    else this.#stream.end()
  }

  /** Ends the call with an error. What was sent before still goes out, what still comes is thrown away. */
  fail(error: unknown): void {
    if (this.#isOver || this.#stream.destroyed) return
    this.#leave()
    const status = this.options.explain(error).headers()
    if (this.#stream.headersSent) {
      this.#finish(status)
      this.#stream.end()
    } else this.#stream.respond({ ...responseHeaders, ...status }, { endStream: true })
    this.#stream.resume()
  }

  #respond(): void {
    this.#stream.respond(responseHeaders, { waitForTrailers: true })
  }

  #finish(trailers: Record<string, string>): void {
    this.#stream.once('wantTrailers', () => this.#stream.sendTrailers(trailers))
  }

  #leave(): void {
    this.#isOver = true
    this.#gone.abort()
  }
}

/** A call of one message, answered by one. */
export const unary =
  (answer: (request: Buffer, call: Call) => Promise<Uint8Array> | Uint8Array) =>
  (call: Call): void => {
    single(call, async (request) => call.end(await answer(request, call)))
  }

/** Hears the one message of a call, once the client has said everything. */
export const single = (call: Call, take: (request: Buffer) => Promise<void>): void => {
  let request: Buffer | undefined
  call.receive(
    (message) => {
      if (request) throw new CallFailed(Code.UNIMPLEMENTED, 'This call takes one message')
      request = message
    },
    () => {
      if (!request) throw new CallFailed(Code.UNIMPLEMENTED, 'This call takes one message')
      take(request).catch((error: unknown) => call.fail(error))
    },
  )
}
