import { InvalidArgumentError, Option, type Command } from 'commander'
import type { Replay } from '../answers.js'
import { path, type Api } from '../api.js'
import { exitCodes, wrongUsage, type ExitCode } from '../exit.js'
import { pause, unlessAway } from '../follow.js'
import { duration, moment, plain, tableOf, verdictIn, type Colours } from '../output.js'
import type { Action, Context } from '../program.js'
import { progressBar } from '../progress.js'

const lookEveryMs = 300

/** Replays of stored events from a time on: to the projector, the notifier, or a queue of one's own. */
export const replayVerbs = (program: Command, action: Action): void => {
  const replay = program.command('replay').description('replay stored events from a time on, to one consumer')

  replay
    .command('start')
    .description('start a replay and follow it to its end; 1 when it fails')
    .requiredOption('--consumer <name>', 'projector, notifier, or the name of a queue of yours')
    .requiredOption('--from <time>', 'events that happened then or later: 2026-01-27T10:00:00Z', instant)
    .option('--to <time>', 'and before this time; default: all that are stored', instant)
    .addOption(
      new Option(
        '--mode <mode>',
        'rebuild (default of the projector): all tables anew; reprocess: the streams with such events anew; redeliver: send them again',
      ).choices(['rebuild', 'reprocess', 'redeliver']),
    )
    .option('--type <type>', 'only events of this type, or of a family: journey.*')
    .option('--client-id <id>', 'only events about this client')
    .option('--dry-run', 'tell how many there are, and do nothing')
    .option('--no-wait', 'do not follow it')
    .action(
      action(async (context, options: StartOptions) => {
        const { api, output } = context
        const { consumer, from, to, mode, type, clientId: client_id, dryRun: dry_run, wait } = options
        const filter = type === undefined && client_id === undefined ? undefined : { type, client_id }
        const started = await api.post<Replay>('/replays', { consumer, from, to, mode, filter, dry_run })
        if (!wait) {
          if (output.json) output.value(started)
          else output.line(`Started: journey-cli replay show ${started.id}`)
          return undefined
        }
        return told(context, await toItsEnd(context, started))
      }),
    )

  replay
    .command('list')
    .description('replays, the latest first')
    .addOption(
      new Option('--state <state>', 'only those').choices(['running', 'paused', 'completed', 'failed', 'cancelled']),
    )
    .option('--consumer <name>', 'only those of this consumer')
    .action(
      action(async ({ api, output }, { state, consumer }: { state?: string; consumer?: string }) => {
        const replays = await api.all<Replay>('/replays', { state, consumer })
        if (output.json) output.value(replays)
        else if (replays.length === 0) output.line('There are none')
        else output.line(replayTable(output.colours, replays))
        return undefined
      }),
    )

  const ofOne = (name: string, description: string, ask: (api: Api, id: string) => Promise<Replay>): void => {
    const act = action(async ({ api, output }, { id }: { id: string | undefined }) => {
      if (id === undefined) throw wrongUsage('Which replay? journey-cli replay list shows their ids')
      const found = await ask(api, id)
      if (output.json) output.value(found)
      else for (const line of replayLines(output.colours, found)) output.line(line)
      return undefined
    })
    replay
      .command(name)
      .description(description)
      .argument('[id]', 'of the replay')
      .option('--id <id>', 'the same')
      .action((id: string | undefined, options: { id?: string }, command: Command) =>
        act({ id: options.id ?? id }, command),
      )
  }
  ofOne('show', 'one replay, with how far it is', (api, id) => api.get(path`/replays/${id}`))
  ofOne('pause', 'stop a replay for now', (api, id) => api.post(path`/replays/${id}/pause`, {}))
  ofOne('resume', 'go on with a paused replay', (api, id) => api.post(path`/replays/${id}/resume`, {}))
  ofOne('cancel', 'end a replay; what it left half-done is taken away', (api, id) => api.delete(path`/replays/${id}`))
}

type StartOptions = {
  consumer: string
  from: string
  to?: string
  mode?: string
  type?: string
  clientId?: string
  dryRun?: boolean
  wait: boolean
}

const instant = (text: string): string => {
  const at = new Date(text)
  if (Number.isNaN(at.getTime())) throw new InvalidArgumentError('It must be a time such as 2026-01-27T10:00:00Z.')
  return /\.\d{4}/.test(text) ? text : at.toISOString() // what is finer than a Date is the server's to round
}

const isOver = ({ state }: Replay): boolean => state !== 'running' && state !== 'paused'

/** Follows a replay until it is over, drawing a bar where somebody watches. Outlasts a restart of the API. */
const toItsEnd = async ({ api, output, signal, terminal }: Context, started: Replay): Promise<Replay> => {
  const bar = output.json ? undefined : progressBar(terminal, started.mode === 'reprocess' ? 'streams' : 'events')
  let replay = started
  try {
    while (!isOver(replay)) {
      await pause(lookEveryMs, signal)
      if (signal.aborted) {
        output.line(`The replay goes on without you: journey-cli replay show ${replay.id}`)
        signal.throwIfAborted()
      }
      replay = (await unlessAway(() => api.get<Replay>(path`/replays/${replay.id}`))) ?? replay
      bar?.show(replay.progress, replay.state)
    }
  } finally {
    bar?.stop()
  }
  return replay
}

const told = ({ output }: Context, replay: Replay): ExitCode => {
  if (output.json) output.value(replay)
  else for (const line of replayLines(output.colours, replay)) output.line(line)
  return replay.state === 'completed' ? exitCodes.done : exitCodes.failed
}

const countOf = ({ mode, dry_run, progress: { done, total } }: Replay): string => {
  const unit = mode === 'reprocess' ? 'streams' : 'events'
  if (dry_run) return total === null ? `counting ${unit}` : `${total} ${unit}`
  return total === null ? `${done} ${unit}` : `${done} of ${total} ${unit}`
}

export const replayLines = (colours: Colours, replay: Replay): string[] => {
  const { id, consumer, mode, from, to, filter, dry_run, state, error, created_at, ended_at } = replay
  const chosen = Object.entries(filter ?? {}).map(([name, value]) => `, ${name} ${plain(value)}`)
  return [
    `${colours.bold(mode)} ${plain(consumer)}  ${verdictIn(colours, state)}${dry_run ? '  dry run' : ''}  ${colours.dim(id)}`,
    `  from ${from}${to === null ? '' : ` to ${to}`}${chosen.join('')}`,
    `  ${countOf(replay)}${ended_at === null ? '' : ` in ${duration(Date.parse(ended_at) - Date.parse(created_at))}`}`,
    ...(error === null ? [] : [`  ${colours.red(plain(error.message))} (${error.code})`]),
  ]
}

export const replayTable = (colours: Colours, replays: readonly Replay[]): string =>
  tableOf(
    colours,
    ['ID', 'CONSUMER', 'MODE', 'FROM', 'STATE', 'PROGRESS', 'STARTED', 'BY'],
    replays.map((replay) => [
      replay.id,
      replay.consumer,
      replay.mode,
      replay.from,
      replay.state,
      countOf(replay),
      moment(replay.created_at),
      replay.requested_by.id,
    ]),
  )
