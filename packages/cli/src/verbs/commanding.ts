import type { CommandAnswer } from '../answers.js'
import { ProblemStop } from '../api.js'
import { exitCodes, failed, type ExitCode } from '../exit.js'
import type { Context } from '../program.js'

/** How long a command's outcome is waited for; the longest the API offers. */
const waitSeconds = 30

/**
 * Has a command done and returns its outcome.
 *
 * @throws Stop refused or failed; also when the outcome did not come in time
 */
export const command = async ({ api }: Context, path: string, body: object, key?: string): Promise<CommandAnswer> => {
  try {
    const headers = key === undefined ? {} : { 'idempotency-key': Buffer.from(key).toString('latin1') }
    return await api.post<CommandAnswer>(path, defined(body), { wait: waitSeconds }, headers)
  } catch (error) {
    if (!(error instanceof ProblemStop) || error.problem.code !== 'command/outcome_pending') throw error
    throw failed(
      `The outcome is not known after ${waitSeconds} s; it can be asked for at ${error.problem.links?.self ?? path}`,
    )
  }
}

/** The same, and tells the outcome. */
export const tellCommand = async (
  context: Context,
  done: string,
  path: string,
  body: object,
  key?: string,
): Promise<ExitCode> => {
  const answer = await command(context, path, body, key)
  const { output } = context
  if (output.json) output.value(answer)
  else if (answer.events.length === 0)
    output.line(`Nothing changed (${answer.stream ?? ''} is at revision ${answer.revision ?? ''})`)
  else output.line(`${output.colours.green('✓')} ${done}${output.colours.dim(`  ${answer.events.join(', ')}`)}`)
  return exitCodes.done
}

const defined = (body: object): object =>
  Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined))
