import type { JsonObject } from '@journey/domain'

/** A text that others may or may not have sent, short enough to look for; what is none is left to the details. */
export const textIn = (data: JsonObject, field: string): string | null => {
  const value = data[field]
  return typeof value === 'string' && value.length > 0 && value.length <= 255 ? value : null
}

/** What an event says beyond what has columns of its own: other fields, and values that no column takes. */
export const detailsOf = (data: JsonObject, columns: Readonly<Record<string, unknown>>): JsonObject =>
  Object.fromEntries(
    Object.entries(data).filter(([field]) => !Object.hasOwn(columns, field) || columns[field] === null),
  )
