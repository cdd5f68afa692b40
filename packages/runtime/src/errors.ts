/**
 * The families an expected error can belong to. The family alone decides what becomes of the message that caused it:
 *
 * - `refused`: a rule said no; settled, the sender gets the code
 * - `malformed`: this can never be read; dead-lettered at once
 * - `conflict`: someone wrote first; decided again on the fresh state, a few times
 * - `unavailable`: a server is away; tried later, nothing is used up
 * - `bug`: anything else; tried a few times, then dead-lettered
 */
export type Family = 'refused' | 'malformed' | 'conflict' | 'unavailable' | 'bug'

/** One thing wrong with one field of an input. */
export type Detail = { field: string; code: string; message: string }

/** An expected error with a stable code (`docs/codes.md`) and a family. The message says what was wrong, where, and what to do. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly details: readonly Detail[]

  constructor(
    readonly family: Exclude<Family, 'bug'>,
    readonly code: string,
    message: string,
    options: { cause?: unknown; details?: readonly Detail[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.details = options.details ?? []
  }
}

export const malformed = (code: string, message: string, details: readonly Detail[] = []): Fault =>
  new Fault('malformed', code, message, { details })

export const unavailable = (code: string, message: string, cause?: unknown): Fault =>
  new Fault('unavailable', code, message, { cause })

export const conflict = (code: string, message: string, cause?: unknown): Fault =>
  new Fault('conflict', code, message, { cause })

const families: readonly string[] = ['refused', 'malformed', 'conflict', 'unavailable'] satisfies Family[]

/** The family of anything thrown; what carries no known family is a bug. The domain's `Refusal` counts by its `family` field. */
export const familyOf = (error: unknown): Family => {
  const family = typeof error === 'object' && error !== null && 'family' in error ? error.family : undefined
  return typeof family === 'string' && families.includes(family) ? (family as Family) : 'bug'
}

/** The stable code of anything thrown; `internal/bug` for what has none. */
export const codeOf = (error: unknown): string =>
  familyOf(error) !== 'bug' && typeof (error as { code?: unknown }).code === 'string'
    ? (error as { code: string }).code
    : 'internal/bug'

/** The message of anything thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
