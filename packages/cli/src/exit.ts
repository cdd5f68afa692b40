/** How the command line tells programs what came of it (CONTRACT.md section 3). */
export const exitCodes = { done: 0, failed: 1, usage: 2, unreachable: 3 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Ends a verb early, with what its reader should know. */
export class Stop extends Error {
  override readonly name = 'Stop'
  constructor(
    readonly exitCode: ExitCode,
    message: string,
  ) {
    super(message)
  }
}

export const wrongUsage = (message: string): Stop => new Stop(exitCodes.usage, message)
export const failed = (message: string): Stop => new Stop(exitCodes.failed, message)
