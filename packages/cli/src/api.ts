import type { Address } from './address.js'
import type { Page, Problem } from './answers.js'
import { exitCodes, Stop } from './exit.js'

/** The server said no, or could not. */
export class ProblemStop extends Stop {
  constructor(readonly problem: Problem) {
    const { detail, code, errors } = problem
    super(
      exitCodes.failed,
      [`${detail} (${code})`, ...errors.map(({ field, message }) => `  ${field}: ${message}`)].join('\n'),
    )
  }
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** The API as a program sees it. Every call throws a Stop: `ProblemStop` for what the server says, `unreachable` for silence. */
export interface Api {
  get<T>(path: string, query?: Query): Promise<T>
  /** Every page of a list, joined. */
  all<Item>(path: string, query?: Query): Promise<Item[]>
  post<T>(path: string, body: object, query?: Query, headers?: Readonly<Record<string, string>>): Promise<T>
  delete<T>(path: string): Promise<T>
  patch<T>(path: string, body: object): Promise<T>
}

/** No answer within this is silence; the longest wait that the API offers takes 30 s. */
const limitMs = 40_000

/** @param actor who stands in the records for what is posted */
export const createApi = ({ url, token }: Address, options: { actor?: string; signal?: AbortSignal } = {}): Api => {
  const { actor, signal } = options

  const call = async <T>(method: string, path: string, query: Query, body?: object, more: object = {}): Promise<T> => {
    const target = new URL(`${url}/api/v1${path}`)
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) target.searchParams.set(name, String(value))
    const limit = AbortSignal.timeout(limitMs)
    let status: number
    let text: string
    try {
      const response = await fetch(target, {
        method,
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(actor !== undefined && { 'x-actor': latin1(actor) }),
          ...(body && { 'content-type': 'application/json' }),
          ...more,
        },
        ...(body && { body: JSON.stringify(body) }),
      })
      status = response.status
      text = await response.text()
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw new Stop(
        exitCodes.unreachable,
        `No server answers at ${url} (${reasonOf(error)}). Start one with npm start, or name another with --api or JOURNEY_API_URL`,
      )
    }
    const answer = parse(text)
    if (answer === undefined)
      throw new Stop(exitCodes.unreachable, `What answers at ${url} is no journey orchestrator (HTTP ${status})`)
    if (status >= 400) throw new ProblemStop(problemOf(answer, status))
    return answer as T
  }

  return {
    get: (path, query = {}) => call('GET', path, query),
    all: async <Item>(path: string, query: Query = {}) => {
      const items: Item[] = []
      let cursor: string | undefined
      do {
        const page = await call<Page<Item>>('GET', path, { limit: 500, ...query, cursor })
        items.push(...page.items)
        cursor = page.next_cursor ?? undefined
      } while (cursor !== undefined)
      return items
    },
    post: (path, body, query = {}, headers = {}) => call('POST', path, query, body, headers),
    delete: (path) => call('DELETE', path, {}),
    patch: (path, body) => call('PATCH', path, {}, body),
  }
}

const parse = (text: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

const problemOf = (answer: object, status: number): Problem => ({
  status,
  title: '',
  detail: `The server answered HTTP ${status}`,
  code: 'http/unknown',
  errors: [],
  ...answer,
})

/** What node:net says below what fetch says. */
const reasonOf = (error: unknown): string => {
  const { cause, name } = error as { cause?: { code?: string; message?: string }; name?: string }
  return name === 'TimeoutError' ? `silent for ${limitMs / 1000} s` : (cause?.code ?? cause?.message ?? String(error))
}

/** Header values are bytes; the server reads UTF-8. */
const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/** A path with its variable parts encoded: path`/journeys/${id}`. */
export const path = (parts: TemplateStringsArray, ...values: string[]): string =>
  parts.reduce((whole, part, n) => whole + encodeURIComponent(values[n - 1] ?? '') + part)
