import { Option, type Command } from 'commander'
import type {
  DeadLetter,
  DeadLetterActing,
  DeadLetterEntry,
  DeadLetterForecast,
  DeadLetterForecasts,
  DeadLetterGroup,
  DeadLetterJob,
  Page,
} from '../answers.js'
import { path } from '../api.js'
import { deadLetterLines, entryTable, forecastLines, forecastsLines, groupTable, tellJob } from '../dead-letters.js'
import { editText, textIn } from '../editor.js'
import { exitCodes, failed, wrongUsage, type ExitCode } from '../exit.js'
import { pause, unlessAway } from '../follow.js'
import { plain } from '../output.js'
import type { Action, Context } from '../program.js'
import { progressBar } from '../progress.js'

type Filter = {
  state?: string
  queue?: string
  code?: string
  type?: string
  clientId?: string
  since?: string
  q?: string
  group?: string
}

/** How long the end of a retry is waited for: a consumer that is up settles it in milliseconds. */
const settledWithinMs = 10_000
const lookEveryMs = 200

/** The verbs of triage: what nobody could handle, and what to do with it. */
export const deadLetterVerbs = (program: Command, action: Action): void => {
  const dlq = program.command('dlq').description('dead letters: messages nobody could handle, and streams put aside')
  /** A verb about one of them. */
  const ofOne = (
    verb: Command,
    work: (context: Context, id: string, options: OfOne) => Promise<ExitCode | undefined>,
  ): Command =>
    verb.action((id: string, options: OfOne, command: Command) =>
      action<OfOne>((context) => work(context, id, options))(options, command),
    )

  filtered(dlq.command('list').description('the one that died last first'))
    .option('--limit <count>', 'how many at most', '50')
    .action(
      action(async ({ api, output }, { limit, ...filter }: Filter & { limit: string }) => {
        const page = await api.get<Page<DeadLetterEntry>>('/dead-letters', { ...queryOf(filter), limit })
        if (output.json) output.value(page.items)
        else if (page.items.length === 0) output.line('There are none')
        else {
          output.line(entryTable(output.colours, page.items, Date.now()))
          if (page.next_cursor !== null) output.line(output.colours.dim('There are more: raise --limit, or filter'))
        }
        return undefined
      }),
    )

  filtered(dlq.command('groups').description('by cause: code, queue, and message without ids and numbers')).action(
    action(async ({ api, output }, filter: Filter) => {
      const { items } = await api.get<Page<DeadLetterGroup>>('/dead-letters/groups', { ...queryOf(filter), limit: 500 })
      if (output.json) output.value(items)
      else if (items.length === 0) output.line('There are none')
      else output.line(groupTable(output.colours, items, Date.now()))
      return undefined
    }),
  )

  ofOne(dlq.command('show <id>').description('everything of one'), async ({ api, output }, id) => {
    const letter = await api.get<DeadLetter>(path`/dead-letters/${id}`)
    if (output.json) output.value(letter)
    else for (const line of deadLetterLines(output.colours, letter)) output.line(line)
    return undefined
  })

  ofOne(
    dlq
      .command('edit <id>')
      .description('mend a command in $EDITOR (or --body, --file); it becomes a new one, sent by its retry')
      .option('--body <json>', 'the mended command')
      .option('--file <path>', 'a file with the mended command')
      .option('--reason <text>', 'why')
      .option('--retry', 'retry it at once'),
    async (context, id, { body, file, reason, retry }) => {
      const { api, output, env } = context
      if (body !== undefined && file !== undefined) throw wrongUsage('Give either --body or --file')
      const mended =
        body ?? (file === undefined ? editText(textOf(await api.get(path`/dead-letters/${id}`)), env) : textIn(file))
      if (mended === undefined) throw failed('Nothing was changed')
      const acting = await api.patch<DeadLetterActing>(path`/dead-letters/${id}`, { body: objectIn(mended), reason })
      if (!retry && output.json) output.value(acting)
      else if (!output.json)
        output.line(`${output.colours.green('✓')} mended as command ${plain(acting.command_id ?? '')}`)
      return retry ? retryOne(context, id, reason) : undefined
    },
  )

  filtered(
    dlq
      .command('retry [id]')
      .description('send one back to where it died, or every open one that the filters leave')
      .option('--rate <rate>', 'of many: how many per second at most, such as 50/s', rateOf)
      .option('--stop-after <count>', 'of many: stop once so many have failed again', '20')
      .option('--all', 'of many: every open one')
      .option('--dry-run', 'tell what it would come to, of many for the first 100, and do nothing')
      .option('--reason <text>', 'why'),
    { state: false },
  ).action((id: string | undefined, options: Retrying, command: Command) =>
    action<Retrying>((context) => {
      const { rate, stopAfter, all = false, reason, dryRun = false, ...filter } = options
      const isNarrowed = Object.keys(filter).length > 0
      if (id !== undefined && (isNarrowed || all)) throw wrongUsage('Give either an id or filters')
      if (id !== undefined) return dryRun ? foreseeOne(context, id) : retryOne(context, id, reason)
      if (!isNarrowed && !all) throw wrongUsage('Give an id, a filter such as --group, or --all')
      if (dryRun) return foreseeMany(context, queryOf(filter))
      return retryMany(context, { filter: queryOf(filter), rate, stop_after: Number(stopAfter), reason })
    })(options, command),
  )

  ofOne(
    dlq.command('discard <id>').description('close one unsettled').requiredOption('--reason <text>', 'why'),
    async ({ api, output }, id, { reason }) => {
      const acting = await api.post<DeadLetterActing>(path`/dead-letters/${id}/discard`, { reason })
      if (output.json) output.value(acting)
      else output.line(`${output.colours.green('✓')} discarded`)
      return undefined
    },
  )
}

type OfOne = { body?: string; file?: string; reason?: string; retry?: boolean }

type Retrying = Filter & { rate?: number; stopAfter: string; all?: boolean; reason?: string; dryRun?: boolean }

const filtered = (command: Command, { state } = { state: true }): Command => {
  if (state)
    command.addOption(
      new Option('--state <state>', 'default: open; all for every one')
        .choices(['open', 'retrying', 'resolved', 'discarded', 'all'])
        .default('open'),
    )
  return command
    .option('--queue <name>', 'the queue it died in; projector for parked streams')
    .option('--code <code>', 'the error code')
    .option('--type <type>', 'of command or event, or the intent')
    .option('--client-id <id>', 'the client')
    .option('--since <time>', 'died then or later, such as 2026-01-27T10:00:00Z')
    .option('--q <text>', 'part of the message, the ids or the body')
    .option('--group <group>', 'of one cause, as dlq groups shows it')
}

const queryOf = ({ clientId, state, ...filter }: Filter) => ({
  ...filter,
  ...(clientId !== undefined && { client_id: clientId }),
  ...(state !== undefined && state !== 'all' && { state }),
})

const rateOf = (text: string): number => {
  const [, count] = /^(\d{1,5})(?:\/s)?$/.exec(text) ?? []
  if (count === undefined || Number(count) === 0) throw wrongUsage(`--rate must look like 50/s, not ${text}`)
  return Number(count)
}

/** Retries one and waits for what becomes of it; failed when it died again. */
const retryOne = async ({ api, output, signal }: Context, id: string, reason?: string): Promise<ExitCode> => {
  let acting = await api.post<DeadLetterActing>(path`/dead-letters/${id}/retry`, { reason })
  const end = Date.now() + settledWithinMs
  let letter: DeadLetter | undefined
  while (acting.state === 'retrying' && Date.now() < end && !signal.aborted) {
    await pause(lookEveryMs, signal)
    letter = await api.get<DeadLetter>(path`/dead-letters/${id}`)
    acting = { ...acting, state: letter.state }
  }
  const { green, red, yellow } = output.colours
  if (output.json) output.value(acting)
  else if (acting.state === 'resolved') output.line(`${green('✓')} resolved`)
  else if (acting.state === 'retrying') output.line(`${yellow('…')} sent; nobody has settled it yet`)
  else {
    letter ??= await api.get<DeadLetter>(path`/dead-letters/${id}`)
    output.line(`${red('✗')} failed again: ${plain(letter.message)} (${letter.code})`)
  }
  return acting.state === 'open' ? exitCodes.failed : exitCodes.done
}

const foreseeOne = async ({ api, output }: Context, id: string): Promise<ExitCode> => {
  const forecast = await api.post<DeadLetterForecast>(path`/dead-letters/${id}/retry`, { dry_run: true })
  if (output.json) output.value(forecast)
  else for (const line of forecastLines(output.colours, forecast)) output.line(line)
  return isBad(forecast.outcome) ? exitCodes.failed : exitCodes.done
}

const foreseeMany = async ({ api, output }: Context, filter: object): Promise<ExitCode> => {
  const forecasts = await api.post<DeadLetterForecasts>('/dead-letters/retry', { filter, dry_run: true })
  if (output.json) output.value(forecasts)
  else for (const line of forecastsLines(output.colours, forecasts)) output.line(line)
  return forecasts.summary.some(({ outcome }) => isBad(outcome)) ? exitCodes.failed : exitCodes.done
}

/** As the retry itself would end: 1 when it would die again. */
const isBad = (outcome: DeadLetterForecast['outcome']): boolean => outcome === 'fails' || outcome === 'not_possible'

const retryMany = async (context: Context, asked: object): Promise<ExitCode> => {
  const { api, output, signal, terminal } = context
  let job = await api.post<DeadLetterJob>('/dead-letters/retry', asked)
  const id = job.id
  const bar = progressBar(output.json ? undefined : terminal, 'messages')
  // The last ones are settled a moment after they were sent.
  let end = Infinity
  try {
    while (!signal.aborted && Date.now() < end && (job.state === 'running' || unsettled(job) > 0)) {
      await pause(lookEveryMs, signal)
      job = (await unlessAway(() => api.get<DeadLetterJob>(path`/dead-letters/jobs/${id}`))) ?? job
      bar.show(job.progress, job.state)
      if (job.state !== 'running') end = Math.min(end, Date.now() + settledWithinMs)
    }
  } finally {
    bar.stop()
  }
  if (output.json) output.value(job)
  else for (const line of tellJob(output.colours, job, unsettled(job))) output.line(line)
  return job.progress.failed > 0 || job.state !== 'completed' ? exitCodes.failed : exitCodes.done
}

const unsettled = ({ progress: { done, resolved, failed: again, skipped } }: DeadLetterJob): number =>
  Math.max(0, done - resolved - again - skipped)

/** @throws Stop for what cannot be edited as text */
const textOf = ({ body, edited_body, kind }: DeadLetter): string => {
  const content = edited_body ?? body
  if (kind !== 'message' || !content) throw failed('A parked stream has no body: its events are facts')
  if (content.encoding === 'json') return JSON.stringify(content.content, undefined, 2)
  if (content.encoding === 'text') return String(content.content)
  throw failed('The body is no text: give the mended command with --body or --file')
}

const objectIn = (text: string): object => {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch (error) {
    throw wrongUsage(`The mended command is not JSON: ${(error as Error).message}`)
  }
  throw wrongUsage('The mended command must be a JSON object')
}
