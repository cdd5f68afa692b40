/** A moment, ISO 8601 in UTC with milliseconds: `2026-01-27T10:30:00.000Z`. */
export type Instant = string

/** Plain JSON, as it stands on a wire or a disk. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
export type JsonObject = Record<string, Json>

/** Who caused something: a person, a service of ours, an agent. */
export type Actor = { type: string; id: string }

/** The moment `ms` milliseconds after another. */
export const later = (at: Instant, ms: number): Instant => new Date(Date.parse(at) + ms).toISOString()
