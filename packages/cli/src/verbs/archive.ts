import { InvalidArgumentError, type Command } from 'commander'
import type { ArchiveJob, ArchivedDay } from '../answers.js'
import { path, type Api } from '../api.js'
import { exitCodes, type ExitCode } from '../exit.js'
import { pause, unlessAway } from '../follow.js'
import { duration, plain, tableOf, verdictIn } from '../output.js'
import type { Action, Context } from '../program.js'
import { progressBar } from '../progress.js'

const lookEveryMs = 300

/** The archive of old events. */
export const archiveVerbs = (program: Command, action: Action): void => {
  const archive = program
    .command('archive')
    .description('the archive of old events: bring up to date, look, verify, restore')

  archive
    .command('run')
    .description('archive the events of whole days that are old enough')
    .option('--older-than-days <n>', 'how old; 0: all that is stored; default: JOURNEY_ARCHIVE_AFTER_DAYS', days)
    .option('--no-wait', 'do not follow it')
    .action(
      action((context, { olderThanDays: older_than_days, wait }: { olderThanDays?: number; wait: boolean }) =>
        told(context, { kind: 'run', older_than_days }, wait),
      ),
    )

  archive
    .command('list')
    .description('what is archived, day by day')
    .option('--from <day>', 'from this UTC day on: 2026-01-27', aDay)
    .option('--to <day>', 'up to this day, included', aDay)
    .option('--category <name>', 'journey, unit_of_work, agent or received')
    .action(
      action(async ({ api, output }, { from, to, category }: Part) => {
        const { items } = await api.get<{ items: ArchivedDay[] }>('/archive', { from, to, category })
        if (output.json) output.value(items)
        else if (items.length === 0) output.line('Nothing is archived')
        else
          output.line(
            tableOf(
              output.colours,
              ['DAY', 'EVENTS', 'KB', 'CATEGORIES'],
              items.map(({ day, events, bytes, categories }) => [
                day,
                String(events),
                String(Math.ceil(bytes / 1024)),
                Object.entries(categories)
                  .map(([name, count]) => `${plain(name)} ${count}`)
                  .join(', '),
              ]),
            ),
          )
        return undefined
      }),
    )

  for (const [kind, description] of [
    ['verify', 'read the archive whole and hold it against its checksums; 1 when something is wrong'],
    ['restore', 'put archived events back into the event store; those that are there stay as they are'],
  ] as const)
    archive
      .command(kind)
      .description(description)
      .option('--from <day>', 'from this UTC day on: 2026-01-27', aDay)
      .option('--to <day>', 'up to this day, included', aDay)
      .option('--category <name>', 'journey, unit_of_work, agent or received')
      .option('--no-wait', 'do not follow it')
      .action(
        action((context, { from, to, category, wait }: Part & { wait: boolean }) =>
          told(context, { kind, from, to, category }, wait),
        ),
      )
}

type Part = { from?: string; to?: string; category?: string }

const days = (text: string): number => {
  const count = Number(text)
  if (text.trim() === '' || !Number.isInteger(count) || count < 0)
    throw new InvalidArgumentError('It must be a whole number of days.')
  return count
}

const aDay = (text: string): string => {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(Date.parse(text)))
    throw new InvalidArgumentError('It must be a day such as 2026-01-27.')
  return text
}

const told = async (context: Context, asked: object, wait: boolean): Promise<ExitCode> => {
  const { api, output } = context
  const started = await api.post<ArchiveJob>('/archive/jobs', asked)
  const job = wait ? await toItsEnd(context, api, started) : started
  const problems = job.result?.problems ?? []
  if (output.json) output.value(job)
  else {
    const { colours } = output
    const took = job.ended_at === null ? '' : ` in ${duration(Date.parse(job.ended_at) - Date.parse(job.created_at))}`
    output.line(
      `${colours.bold(job.kind)}  ${verdictIn(colours, job.state)}  ${job.progress.done} events${took}  ${colours.dim(job.id)}`,
    )
    for (const problem of problems) output.line(`  ${colours.red(plain(problem))}`)
    if (job.error) output.line(`  ${colours.red(plain(job.error.message))} (${job.error.code})`)
  }
  return problems.length > 0 || job.state === 'failed' || job.state === 'cancelled' ? exitCodes.failed : exitCodes.done
}

/** Follows a job until it is over. Outlasts a restart of the API. */
const toItsEnd = async ({ output, signal, terminal }: Context, api: Api, started: ArchiveJob): Promise<ArchiveJob> => {
  const bar = output.json ? undefined : progressBar(terminal, 'events')
  let job = started
  try {
    while (job.state === 'running') {
      await pause(lookEveryMs, signal)
      if (signal.aborted) {
        output.line(`The job goes on without you: GET /api/v1/archive/jobs/${job.id}`)
        signal.throwIfAborted()
      }
      job = (await unlessAway(() => api.get<ArchiveJob>(path`/archive/jobs/${job.id}`))) ?? job
      bar?.show(job.progress, job.state)
    }
  } finally {
    bar?.stop()
  }
  return job
}
