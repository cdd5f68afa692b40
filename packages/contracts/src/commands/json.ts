import { malformed } from '@journey/runtime'

/** A command's body is at most 256 KiB (CONTRACT.md). */
export const bodyLimit = 256 * 1024
/**
 * Commands of the orchestrator itself carry what others sent, some of it twice. What they lead to has to fit an append (1 MiB).
 */
export const ownBodyLimit = 768 * 1024
/** Deeper nesting than this is no honest command, and would cost stack in everything that walks it. */
export const depthLimit = 64

/**
 * Reads bytes as JSON that can be stored as it is: UTF-8, at most `bodyLimit` bytes and `depthLimit` levels, finite numbers,
 * no NUL and no half surrogate pair in any text (PostgreSQL's JSONB takes neither).
 *
 * @throws malformed `json/…`
 */
export const readJson = (body: Uint8Array, limit = bodyLimit): unknown => {
  if (body.byteLength > limit)
    throw malformed('json/too_large', `The body has ${body.byteLength} bytes; at most ${limit} are taken`)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw malformed('json/not_utf8', 'The body is not UTF-8')
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw malformed('json/unreadable', `The body is not JSON: ${(error as Error).message.slice(0, 200)}`)
  }
  const problem = storable(value)
  if (problem)
    throw malformed(problem.code, problem.message, [
      { field: problem.path, code: problem.code, message: problem.message },
    ])
  return value
}

type Problem = { code: string; message: string; path: string }

/** The first thing in a JSON value that could not be stored as it is. Walks without recursion, so that depth costs nothing. */
const storable = (root: unknown): Problem | undefined => {
  const open: { value: unknown; path: string; depth: number }[] = [{ value: root, path: '', depth: 0 }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, path, depth } = next
    if (depth > depthLimit)
      return { code: 'json/too_deep', message: `The body is nested over ${depthLimit} levels deep`, path }
    if (typeof value === 'number' && !Number.isFinite(value))
      return { code: 'json/number_too_large', message: `${path} is a number too large to keep`, path }
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
      return { code: 'json/number_too_large', message: `${path} is a whole number too large to keep exactly`, path }
    if (typeof value === 'string' && !isStorable(value))
      return { code: 'json/text_not_storable', message: `${path} holds a NUL or half a surrogate pair`, path }
    if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) {
        if (!isStorable(key))
          return {
            code: 'json/text_not_storable',
            message: `A field's name under ${path || 'the top'} holds a NUL or half a surrogate pair`,
            path,
          }
        open.push({ value: inner, path: path ? `${path}.${key}` : key, depth: depth + 1 })
      }
  }
  return undefined
}

/** Whether PostgreSQL takes a text: no NUL, no half surrogate pair. */
export const isStorable = (text: string): boolean =>
  !text.includes('\0') && (text as string & { isWellFormed(): boolean }).isWellFormed()

/** JSON text that is the same for equal values: keys sorted, no white space. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
