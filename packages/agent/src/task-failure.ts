/**
 * Thrown by an agent's handler to say that the task failed, and how: its code and message stand in the journey's history,
 * and `retryable: false` says that trying again is of no use. Whatever else a handler throws counts as `agent/internal`,
 * retryable.
 */
export class TaskFailure extends Error {
  override readonly name = 'TaskFailure'
  readonly retryable: boolean

  /** @param code `area/what_happened`, 1 to 255 characters */
  constructor(
    readonly code: string,
    message: string,
    options: { retryable?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.retryable = options.retryable ?? true
  }
}
