import { createServer, type Server } from 'node:http'
import type { Registry } from 'prom-client'
import { codeOf, familyOf, messageOf } from './errors.js'
import type { Part } from './lifecycle.js'

/** One thing a service needs; resolves when it is there, with a text that is worth knowing of it or whatever else, rejects with the reason when not. Asked at most once at a time. */
export type Check = () => Promise<unknown>

export type Readiness = {
  status: 'ready' | 'not_ready'
  checks: Record<string, { ok: boolean; note?: string; code?: string; error?: string }>
}

/** Asks every check at once; one that does not answer within 2 s counts as failed. */
export const readiness = async (checks: Record<string, Check>): Promise<Readiness> => {
  const answers = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      try {
        const note = await within(checkLimitMs, check())
        return [name, typeof note === 'string' ? { ok: true, note } : { ok: true }] as const
      } catch (error) {
        const code = familyOf(error) === 'bug' ? {} : { code: codeOf(error) }
        return [name, { ok: false, ...code, error: messageOf(error) }] as const
      }
    }),
  )
  const ok = answers.every(([, answer]) => answer.ok)
  return { status: ok ? 'ready' : 'not_ready', checks: Object.fromEntries<Readiness['checks'][string]>(answers) }
}

const checkLimitMs = 2_000

const within = async <T>(limitMs: number, promise: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs)
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The small HTTP server beside every service: `/health` (200 while the process lives), `/ready` (200, or 503 naming what
 * is missing) and `/metrics` (Prometheus text).
 */
export const healthServer = (options: {
  host: string
  port: number
  checks: Record<string, Check>
  registry: Registry
  info?: Record<string, unknown>
}): Part & { readonly port: () => number } => {
  let server: Server | undefined
  const answer = async (path: string): Promise<[status: number, type: string, body: string]> => {
    if (path === '/health') return [200, 'application/json', JSON.stringify({ status: 'ok', ...options.info })]
    if (path === '/ready') {
      const ready = await readiness(options.checks)
      return [ready.status === 'ready' ? 200 : 503, 'application/json', JSON.stringify(ready)]
    }
    if (path === '/metrics') return [200, options.registry.contentType, await options.registry.metrics()]
    return [404, 'application/json', JSON.stringify({ status: 'not_found', try: ['/health', '/ready', '/metrics'] })]
  }
  return {
    name: 'health server',
    port: () => (server?.address() as { port: number } | null)?.port ?? options.port,
    start: () =>
      new Promise((resolve, reject) => {
        server = createServer((request, response) => {
          void answer(new URL(request.url ?? '/', 'http://localhost').pathname)
            .catch((error: unknown): [number, string, string] => [500, 'text/plain', messageOf(error)])
            .then(([status, type, body]) => response.writeHead(status, { 'content-type': type }).end(body))
        })
        server.once('error', reject)
        server.listen(options.port, options.host, () => resolve())
      }),
    stop: () =>
      new Promise((resolve) => {
        if (!server?.listening) {
          resolve()
          return
        }
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
