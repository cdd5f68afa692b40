import { problem } from './problems.js'

/** The query parameters of every list. */
export const pageParameters = {
  limit: { type: 'integer', minimum: 1, maximum: 500, default: 50, description: 'How many at most' },
  cursor: { type: 'string', maxLength: 2000, description: 'The `next_cursor` of the page before' },
} as const

/** A place in a list: the sort values of the last row that was shown. */
export type Place = readonly (string | number)[]

/** A list's answer: as many items as asked for, and where the next page begins; null after the last one. */
export type Page<Item> = { items: Item[]; next_cursor: string | null }

/** The cursor of a place; opaque to callers, who hand it back as it is. */
export const cursorOf = (place: Place): string => Buffer.from(JSON.stringify(place)).toString('base64url')

/** What a place is made of. */
export type PlaceKind = 'text' | 'uuid' | 'instant' | 'revision' | 'position'
type Values<Shape extends readonly PlaceKind[]> = { [N in keyof Shape]: Shape[N] extends 'revision' ? number : string }

/**
 * Reads a cursor back; undefined for none. Whoever made one up gets no further than the database would let a value go.
 *
 * @throws 422 `request/cursor_invalid`
 */
export const placeOf = <const Shape extends readonly PlaceKind[]>(
  cursor: string | undefined,
  shape: Shape,
): Values<Shape> | undefined => {
  if (cursor === undefined) return undefined
  const place = read(cursor)
  if (Array.isArray(place) && place.length === shape.length && shape.every((kind, n) => isOf[kind](place[n])))
    return place as unknown as Values<Shape>
  const message = 'cursor is not one that this list gave: begin again without it'
  throw problem(422, 'request/cursor_invalid', message, [{ field: 'cursor', code: 'cursor', message }])
}

const read = (cursor: string): unknown => {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return undefined
  }
}

export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)

const isOf: Record<PlaceKind, (value: unknown) => boolean> = {
  text: (value) => typeof value === 'string' && !value.includes('\0'),
  uuid: (value) => typeof value === 'string' && isUuid(value),
  instant: (value) =>
    typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && !Number.isNaN(Date.parse(value)),
  revision: (value) => Number.isSafeInteger(value),
  position: (value) => typeof value === 'string' && /^\d{1,20}$/.test(value),
}

/**
 * One page of rows that were read with one more than `limit`: the extra row tells that there is a next page.
 *
 * @param placed the sort values of a row
 */
export const pageOf = <Row, Item>(
  rows: readonly Row[],
  limit: number,
  placed: (row: Row) => Place,
  item: (row: Row) => Item,
): Page<Item> => {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown.map(item),
    next_cursor: rows.length > limit && last !== undefined ? cursorOf(placed(last)) : null,
  }
}
