import type { ColumnType } from 'kysely'
import type { Instant } from '@journey/domain'

/** Text of a JSON value on its way into a JSONB column; made by `json`. */
export type JsonText<T> = string & { readonly json?: T }

/** A JSONB column: read as the value, written as its text, since `pg` would take an array for one of PostgreSQL's own. */
export type JsonColumn<T> = ColumnType<T, JsonText<T>, JsonText<T>>
export type NullableJsonColumn<T> = ColumnType<T | null, JsonText<T> | null | undefined, JsonText<T> | null>

/** A `timestamptz`: read as text, written as text, a `Date` or `sql\`now()\``. */
export type Time = ColumnType<Instant, Instant | Date, Instant | Date>
export type DefaultedTime = ColumnType<Instant, Instant | Date | undefined, Instant | Date>
export type OptionalTime = ColumnType<Instant | null, Instant | Date | null | undefined, Instant | Date | null>

/** A column that the database fills when nothing is given. */
export type Defaulted<T> = ColumnType<T, T | undefined, T>
/** A column that may be left out: null then. */
export type Optional<T> = ColumnType<T | null, T | null | undefined, T | null>

/** Where the content of a row is sealed. Read by nobody: rows are opened as they are read (`privacy/sealing.ts`). */
export type Sealed = ColumnType<never, Buffer | null | undefined, Buffer | null>

/** A point in the log of all events: an unsigned 64-bit number as decimal text, compared as a number by PostgreSQL only. */
export type Position = string

export const json = <T>(value: T): JsonText<T> => JSON.stringify(value)
/** The same, where no value is SQL's null rather than JSON's. */
export const jsonOrNull = <T>(value: T | null): JsonText<T> | null => (value === null ? null : JSON.stringify(value))
