/**
 * What of a value may be read by everyone who reads the disk: all of it (`plain`), some fields of an object (`*`: every field
 * not named), or something of each item of a list. Whatever is not listed is content: it is sealed, and goes with its key.
 */
export type Shape = 'plain' | { readonly [field: string]: Shape } | readonly [Shape]

/** A piece of content and where it stood. */
export type Piece = readonly [path: readonly (string | number)[], value: unknown]

/** A value without its content: of each piece only its kind is left, so that whoever folds or shows the value still can. */
export type Redacted = { skeleton: unknown; content: Piece[] }

/** Stands where a text was. */
export const redacted = 'redacted'

/** Takes the content out of a value. What is empty already, or was redacted before, is none. */
export const redact = (value: unknown, shape: Shape | undefined): Redacted => {
  const content: Piece[] = []
  return { skeleton: without(value, shape, [], content), content }
}

const without = (
  value: unknown,
  shape: Shape | undefined,
  path: readonly (string | number)[],
  content: Piece[],
): unknown => {
  if (shape === 'plain' || value === null || value === undefined) return value
  if (isList(shape) && Array.isArray(value))
    return value.map((item, index) => without(item, shape[0], [...path, index], content))
  if (shape !== undefined && !isList(shape) && isRecord(value))
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [
        name,
        without(inner, fieldOf(shape, name), [...path, name], content),
      ]),
    )
  if (!isEmpty(value)) content.push([path, value])
  return emptied(value)
}

const isList = (shape: Shape | undefined): shape is readonly [Shape] => Array.isArray(shape)

const fieldOf = (shape: Readonly<Record<string, Shape>>, name: string): Shape | undefined =>
  Object.hasOwn(shape, name) ? shape[name] : shape['*']

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value)

const isEmpty = (value: unknown): boolean => {
  if (Array.isArray(value) || Buffer.isBuffer(value)) return value.length === 0
  if (isRecord(value)) return Object.keys(value).length === 0
  return value === redacted || value === 0 || value === false
}

const emptied = (value: unknown): unknown => {
  if (Array.isArray(value)) return []
  if (Buffer.isBuffer(value)) return Buffer.alloc(0)
  if (typeof value === 'object') return {}
  return typeof value === 'number' ? 0 : typeof value === 'boolean' ? false : redacted
}

/** Puts content back to where it stood, in place; a piece whose place is not there (a column not read) is left out. */
export const restore = (skeleton: unknown, content: readonly Piece[]): unknown => {
  for (const [path, value] of content) {
    if (path.length === 0) return value
    let at = skeleton
    for (const step of path.slice(0, -1))
      at = at instanceof Object && Object.hasOwn(at, step) ? inside(at, step) : undefined
    const last = path[path.length - 1]!
    if (at instanceof Object && Object.hasOwn(at, last)) (at as Record<string | number, unknown>)[last] = value
  }
  return skeleton
}

const inside = (at: object, step: string | number): unknown => (at as Record<string | number, unknown>)[step]

/**
 * Content as bytes, and back; texts, JSON values and buffers come back as they were. In whatever order a value has its fields,
 * since JSONB gives them another, the bytes are the same.
 */
export const encodeContent = (content: readonly Piece[]): Buffer => {
  const written = content.map(([path, value]) =>
    JSON.stringify(Buffer.isBuffer(value) ? [path, value.toString('base64'), 'base64'] : [path, value]),
  )
  return Buffer.from(`[${written.sort().join(',')}]`)
}

export const decodeContent = (bytes: Buffer): Piece[] =>
  (JSON.parse(bytes.toString()) as [path: (string | number)[], value: unknown, encoding?: 'base64'][]).map(
    ([path, value, encoding]) => [path, encoding ? Buffer.from(value as string, encoding) : value],
  )
