import { Option, type Command } from 'commander'
import type { HistoryEvent, Journey, Stats, Why } from '../answers.js'
import { path } from '../api.js'
import { wrongUsage } from '../exit.js'
import { duration, moment, plain, tableOf, verdictIn, type Colours } from '../output.js'
import type { Action } from '../program.js'
import { createStory } from '../story.js'
import { systemLines } from '../system.js'

/** The verbs that look at journeys. */
export const lookVerbs = (program: Command, action: Action): void => {
  program
    .command('status')
    .description("a client's journey: where it stands, since when, and what it waits for; or how the whole system does")
    .option('--client-id <id>', 'the client')
    .option('--system', 'the whole system instead: services, lags, queues, what was put aside, what is held back')
    .action(
      action(async ({ api, output }, { clientId, system }: { clientId?: string; system?: boolean }) => {
        if ((clientId === undefined) === (system === undefined))
          throw wrongUsage('status needs --client-id, or --system')
        if (clientId === undefined) {
          const stats = await api.get<Stats>('/stats')
          if (output.json) output.value(stats)
          else for (const line of systemLines(output.colours, stats)) output.line(line)
          return undefined
        }
        const journey = await api.get<Journey>(path`/journeys/${clientId}`)
        if (output.json) output.value(journey)
        else {
          const why = await api.get<Why>(path`/journeys/${clientId}/why`)
          for (const line of statusLines(output.colours, journey, why, Date.now())) output.line(line)
        }
        return undefined
      }),
    )

  program
    .command('list')
    .description('all journeys')
    .option('--stage <stage>', 'sandbox, pilot, production, rollback, completed or cancelled')
    .option('--status <status>', 'active, rolling_back, completed or cancelled')
    .option('--q <text>', "part of the client's id")
    .addOption(
      new Option(
        '--sort <column>',
        'client_id, started_at, stage_started_at or updated_at; -updated_at for descending',
      ),
    )
    .action(
      action(async ({ api, output }, { stage, status, q, sort }: Record<string, string | undefined>) => {
        const journeys = await api.all<Journey>('/journeys', { stage, status, q, sort })
        if (output.json) output.value(journeys)
        else if (journeys.length === 0) output.line('There are none')
        else output.line(journeyTable(output.colours, journeys, Date.now()))
        return undefined
      }),
    )

  program
    .command('history')
    .description('everything that happened to a journey and its units of work')
    .requiredOption('--client-id <id>', 'the client')
    .option('--as-of <when>', "up to a time, or up to a revision of the journey's stream")
    .action(
      action(async ({ api, output }, { clientId, asOf }: { clientId: string; asOf?: string }) => {
        const events = await api.all<HistoryEvent>(path`/journeys/${clientId}/history`, { as_of: asOf })
        if (output.json) output.value(events)
        else {
          const tell = createStory(output.colours)
          for (const event of events) for (const line of tell(event)) output.line(line)
        }
        return undefined
      }),
    )
}

/** @param now milliseconds since 1970 */
export const statusLines = (colours: Colours, journey: Journey, why: Why, now: number): string[] => {
  const { client_id, current_stage, status, stage_started_at, started_at, episode, visit, revision, held } = journey
  const { bold, dim } = colours
  const since = (instant: string) => `${moment(instant)}  ${dim(duration(now - Date.parse(instant)))}`
  return [
    `${bold(client_id)}  ${bold(current_stage)}  ${verdictIn(colours, status)}`,
    `  in it since  ${since(stage_started_at)}`,
    `  started      ${since(started_at)}`,
    `  episode ${episode}, visit ${visit}, revision ${revision}`,
    ...(held ? [`  held by ${plain(held.by)}: ${plain(held.reason)}`] : []),
    ...(why.waiting_for.length > 0 ? ['  waits for'] : []),
    ...why.waiting_for.flatMap(({ kind, says, to_do, next_at }) => [
      `    ${colours.yellow(kind.padEnd(14))} ${plain(says)}${next_at === null ? '' : dim(`  next: ${moment(next_at)}`)}`,
      ...(to_do === null ? [] : [dim(`    ${''.padEnd(14)} ${plain(to_do)}`)]),
    ]),
    `  ${dim(why.next)}`,
  ]
}

/** @param now milliseconds since 1970 */
export const journeyTable = (colours: Colours, journeys: readonly Journey[], now: number): string =>
  tableOf(
    colours,
    ['CLIENT', 'STAGE', 'STATUS', 'FOR', 'WAITS FOR'],
    journeys.map(({ client_id, current_stage, status, stage_started_at, waiting_for }) => [
      client_id,
      current_stage,
      status,
      duration(now - Date.parse(stage_started_at)),
      waiting_for.map(({ kind, who }) => `${kind} (${who})`).join(', '),
    ]),
  )
