import type { Stats, Told } from './answers.js'
import { moment, plain, tableOf, verdictIn, type Colours } from './output.js'

/** What the broker told is some seconds old at any time. */
const freshForMs = 10_000

/** How the whole system does, for people: what runs, what is behind, what was put aside, what is held back. */
export const systemLines = (colours: Colours, stats: Stats): string[] => {
  const { bold, dim } = colours
  const title = (text: string, part?: Told<object>) =>
    part?.status === 'unknown' ? [`${bold(text)}  ${unknown(part.reason)}`] : [bold(text)]
  const unknown = (reason: string) => colours.yellow(`unknown: ${plain(reason)}`)
  const line = <T extends object>(name: string, part: Told<T>, say: (known: T) => string) =>
    `${name.padEnd(16)} ${part.status === 'known' ? say(part) : unknown(part.reason)}`
  /** Says so when the broker was too busy to tell anew. */
  const told = (text: string, part: Told<{ asked_at: string }>) =>
    part.status === 'known' && Date.parse(stats.at) - Date.parse(part.asked_at) > freshForMs
      ? [`${bold(text)}  ${colours.yellow(`as of ${moment(part.asked_at)}`)}`]
      : title(text, part)
  const table = (head: string[], rows: string[][]) =>
    rows.length === 0 ? [dim('  none')] : tableOf(colours, head, rows).split('\n')

  const { servers, services, lags, queues, retries, breakers } = stats
  const away = servers.status === 'known' ? Object.entries(servers.checks).filter(([, { ok }]) => !ok) : []
  const open = breakers.status === 'known' ? breakers.items.filter(({ state }) => state !== 'closed') : []
  const deep = queues.status === 'known' ? queues.items.filter((one) => one.ready + one.unacknowledged > 0) : []
  return [
    line('servers', servers, () =>
      away.length === 0
        ? colours.green('all answer')
        : colours.red(away.map(([name, { error }]) => `${name} is away (${plain(error ?? '')})`).join('; ')),
    ),
    line('journeys', stats.journeys, ({ active }) => list(active)),
    line(
      'rates',
      stats.rates,
      ({ published_per_second: out, consumed_per_second: taken }) => `${out}/s published, ${taken}/s consumed`,
    ),
    line('critical time', stats.critical_time, ({ p50_seconds: p50, p99_seconds: p99, events }) =>
      p50 === null || p99 === null || events === 0 ? 'no command lately' : `p50 ${ms(p50)}, p99 ${ms(p99)}, last 5 min`,
    ),
    line('parked streams', stats.parked, ({ streams, oldest }) =>
      oldest ? colours.red(`${streams}, the oldest ${plain(oldest.stream)} since ${moment(oldest.since)}`) : '0',
    ),
    line('dead letters', stats.dead_letters, (now) => {
      const { open: waiting, retrying, resolved, discarded, poison, overdue } = now
      const more = `${retrying} retrying, ${resolved} resolved, ${discarded} discarded; ${poison} poison, ${overdue} overdue`
      return `${waiting > 0 ? colours.red(`${waiting} open`) : '0 open'}, ${more}`
    }),
    line(
      'order',
      stats.order,
      ({ gaps_healed: healed, duplicates_dropped: dropped }) => `${healed} gaps healed, ${dropped} duplicates dropped`,
    ),
    line('jobs', stats.jobs, ({ running }) => `${running} running`),
    line(
      'replays',
      stats.replays,
      ({ running, paused }) =>
        `${running.length} running, ${paused.length > 0 ? colours.yellow(`${paused.length} paused`) : '0 paused'}`,
    ),
    line('paused', stats.paused, ({ items }) =>
      items.length === 0
        ? 'nothing'
        : colours.yellow(
            items
              .map(({ service, instances, by, reason, since }) => {
                const who = `${by === null ? '' : ` by ${plain(by)}`}${since === null ? '' : ` since ${moment(since)}`}`
                return `${service} (${instances} instances${who}${reason === null ? '' : `: ${plain(reason)}`})`
              })
              .join(', '),
          ),
    ),
    line('held back', breakers, () =>
      open.length === 0
        ? 'nothing'
        : colours.red(open.map(({ service, of, state }) => `${plain(of)} by ${service} (${state})`).join(', ')),
    ),
    '',
    ...title('Services', services),
    ...(services.status === 'known'
      ? table(
          ['SERVICE', 'INSTANCE', 'STATUS', 'SINCE', 'HEARD'],
          services.items.map(({ service, instance, status, started_at, last_heard_at }) => [
            service,
            instance,
            status === 'running' ? colours.green(status) : verdictIn(colours, 'failed').replace('failed', status),
            moment(started_at),
            moment(last_heard_at),
          ]),
        )
      : []),
    '',
    ...(queues.status === 'known' ? told('Lag', queues) : title('Lag')),
    ...table(
      ['CONSUMER', 'QUEUE', 'EVENTS', 'SECONDS', 'CONSUMERS', ''],
      lags.map(({ consumer, queue, events, at_least, seconds, consumers, reason }) => [
        consumer,
        queue ?? 'the log',
        events === null ? '?' : `${at_least ? '≥ ' : ''}${events}`,
        seconds === null ? '?' : String(seconds),
        consumers === null ? '' : String(consumers),
        reason ?? '',
      ]),
    ),
    '',
    ...told('Queues that hold messages', queues),
    ...(queues.status === 'known'
      ? table(
          ['QUEUE', 'READY', 'UNACKNOWLEDGED', 'CONSUMERS', 'ACKED/S'],
          deep.map((one) => [one.queue, one.ready, one.unacknowledged, one.consumers, one.ack_rate].map(String)),
        )
      : []),
    '',
    ...told('Waiting for another try', retries),
    ...(retries.status === 'known'
      ? table(
          ['QUEUE', 'DELAY', 'MESSAGES'],
          retries.items.map(({ queue, delay, waiting }) => [queue, delay, String(waiting)]),
        )
      : []),
  ]
}

const ms = (seconds: number): string => `${Math.round(seconds * 10_000) / 10} ms`

const list = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${count} in ${name}`)
    .join(', ') || 'none under way'
