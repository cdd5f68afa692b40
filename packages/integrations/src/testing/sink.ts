import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'

/** One request as it came, its body as raw bytes. */
export type Received = { method: string; path: string; headers: IncomingHttpHeaders; body: Buffer; at: number }

/** A receiver of webhooks on a free local port that keeps what it gets and answers as told. */
export type Sink = {
  readonly url: string
  readonly received: readonly Received[]
  /** Resolves once so many requests have come; at once if they have. */
  whenReceived(count: number): Promise<void>
  stop(): Promise<void>
}

/** How a request is answered; `n` counts from 1. The default is 204. */
export type Answer = (response: ServerResponse, n: number) => void

export const createSink = async (answer: Answer = (response) => response.writeHead(204).end()): Promise<Sink> => {
  const received: Received[] = []
  const waiting = new Set<() => void>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      received.push({ method, path, headers, body: Buffer.concat(chunks), at: Date.now() })
      answer(response, received.length)
      for (const check of waiting) check()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}/webhooks/journey?tenant=1`,
    received,
    whenReceived: (count) =>
      new Promise((resolve) => {
        const check = () => {
          if (received.length < count) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
