/** One thing wrong with one field, check or task. */
export type RefusalDetail = { field: string; code: string; message: string }

/** A rule said no. The sender of the command gets the code, the message and the details; nothing is stored. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly family = 'refused'

  constructor(
    readonly code: string,
    message: string,
    readonly details: readonly RefusalDetail[] = [],
  ) {
    super(message)
  }
}
