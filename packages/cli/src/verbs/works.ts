import { Option, type Command } from 'commander'
import type { UnitOfWork } from '../answers.js'
import { path } from '../api.js'
import { duration, plain, tableOf, verdictIn, type Colours } from '../output.js'
import type { Action } from '../program.js'
import { tellCommand } from './commanding.js'

/** The verbs around units of work. */
export const workVerbs = (program: Command, action: Action): void => {
  program
    .command('uow-status')
    .description("a journey's units of work with their tasks")
    .requiredOption('--client-id <id>', 'the client')
    .addOption(new Option('--stage <stage>', 'only those of this stage').choices(['sandbox', 'pilot', 'production']))
    .action(
      action(async ({ api, output }, { clientId, stage }: { clientId: string; stage?: string }) => {
        const works = await api.all<UnitOfWork>(path`/journeys/${clientId}/units-of-work`, { stage })
        if (output.json) output.value(works)
        else if (works.length === 0) output.line('There are none')
        else output.line(works.map((work) => workLines(output.colours, work).join('\n')).join('\n\n'))
        return undefined
      }),
    )

  program
    .command('retry-tasks')
    .description('try the failed tasks of a unit of work again')
    .requiredOption('--work-id <id>', 'the unit of work')
    .option('--task <id>', 'only this one')
    .action(
      action(async (context, { workId, task }: { workId: string; task?: string }) =>
        tellCommand(context, 'The failed tasks are tried again', path`/units-of-work/${workId}/retry`, {
          task_id: task,
        }),
      ),
    )
}

export const workLines = (
  colours: Colours,
  { work_id, name, stage, kind, visit, n, status, reason, tasks }: UnitOfWork,
): string[] => [
  `${colours.bold(plain(name))}  ${verdictIn(colours, status)}  ${colours.dim(`${stage} ${kind} ${n} of visit ${visit}, ${work_id}`)}`,
  ...(reason === null ? [] : [colours.red(plain(reason))]),
  tableOf(
    colours,
    ['TASK', 'STATUS', 'RETRIES', 'TOOK', 'AGENT', ''],
    tasks.map(({ task_id, kind, status, retry_count, attempts, agent_id, intent, error }) => [
      task_id,
      status,
      String(retry_count),
      tookOf(attempts),
      agent_id ?? (kind === 'human' ? '(a person)' : intent),
      error === null ? '' : `${error.message} (${error.code})`,
    ]),
  ),
]

/** The time that its last attempt took. */
const tookOf = (attempts: UnitOfWork['tasks'][number]['attempts']): string => {
  const last = attempts.at(-1)
  return last?.ended_at ? duration(Date.parse(last.ended_at) - Date.parse(last.started_at)) : '–'
}
