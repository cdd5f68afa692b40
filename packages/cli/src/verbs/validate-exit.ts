import { InvalidArgumentError, type Command } from 'commander'
import type { Check, Evaluation } from '../answers.js'
import { path } from '../api.js'
import { exitCodes, failed } from '../exit.js'
import { pause } from '../follow.js'
import { tableOf, verdictIn, type Colours } from '../output.js'
import type { Action } from '../program.js'
import { command } from './commanding.js'

const pauseMs = 300

/** Measures the exit of the present stage now, and tells every check. */
export const validateExitVerb = (program: Command, action: Action): void => {
  program
    .command('validate-exit')
    .description(
      'evaluate the exit of the stage, and tell each check with value and threshold; 1 when it is not passed',
    )
    .requiredOption('--client-id <id>', 'the client')
    .option('--timeout <seconds>', 'how long to wait for the measurements', seconds, 120)
    .action(
      action(async (context, { clientId, timeout }: { clientId: string; timeout: number }) => {
        const { api, output, signal } = context
        const { revision } = await command(context, path`/journeys/${clientId}/validate-exit`, {})
        const end = Date.now() + timeout * 1000
        for (;;) {
          const { evaluations } = await api.get<{ evaluations: Evaluation[] }>(
            path`/journeys/${clientId}/exit-criteria`,
          )
          const evaluation = evaluations.findLast((one) => one.revision > (revision ?? -1))
          if (evaluation) {
            if (output.json) output.value(evaluation)
            else for (const line of evaluationLines(output.colours, evaluation)) output.line(line)
            return evaluation.verdict === 'pass' ? exitCodes.done : exitCodes.failed
          }
          if (Date.now() > end)
            throw failed(
              `The exit was not measured within ${timeout} s: journey-cli status --client-id="${clientId}" tells why`,
            )
          await pause(pauseMs, signal)
          signal.throwIfAborted()
        }
      }),
    )
}

const seconds = (text: string): number => {
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a number of seconds.')
  return value
}

export const evaluationLines = (colours: Colours, { stage, verdict, checks }: Evaluation): string[] => [
  tableOf(colours, ['CHECK', 'VERDICT', 'MEASURED', 'THRESHOLD', ''], checks.flatMap(rowsOf)),
  `Exit of ${stage}: ${verdictIn(colours, verdict)}`,
]

/** A row for each measured value; one for a check without. */
const rowsOf = ({ check_id, verdict, comparisons, message }: Check): string[][] =>
  comparisons.length === 0
    ? [[check_id, verdict, '–', '–', message]]
    : comparisons.map(({ measurement, value, operator, threshold, unit }, n) => [
        n === 0 ? check_id : '',
        n === 0 ? verdict : '',
        `${measurement} ${value ?? '–'}`,
        `${operator === 'min' ? '≥' : '≤'} ${threshold}${unit === 'ms' ? ' ms' : ''}`,
        n === 0 && !['pass', 'fail'].includes(verdict) ? message : '',
      ])
