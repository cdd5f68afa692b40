import type {
  DeadLetter,
  DeadLetterContent,
  DeadLetterEntry,
  DeadLetterForecast,
  DeadLetterForecasts,
  DeadLetterGroup,
  DeadLetterJob,
} from './answers.js'
import { duration, moment, plain, tableOf, type Colours } from './output.js'

/** @param now milliseconds since 1970 */
export const entryTable = (colours: Colours, entries: readonly DeadLetterEntry[], now: number): string =>
  tableOf(
    colours,
    ['ID', 'STATE', 'AGO', 'QUEUE', 'TYPE', 'CLIENT', 'TRIES', 'WHY'],
    entries.map(({ id, state, last_at, queue, type, client_id, attempts, code, message }) => [
      id,
      state,
      duration(now - Date.parse(last_at)),
      queue,
      type ?? '–',
      client_id ?? '–',
      String(attempts),
      `${code}: ${short(message, 60)}`,
    ]),
  )

export const groupTable = (colours: Colours, groups: readonly DeadLetterGroup[], now: number): string =>
  tableOf(
    colours,
    ['GROUP', 'COUNT', 'QUEUE', 'LAST', 'EXAMPLE', 'WHY'],
    groups.map(({ group, count, queue, last_at, example_id, code, message }) => [
      group,
      String(count),
      queue,
      duration(now - Date.parse(last_at)),
      example_id,
      `${code}: ${short(message, 60)}`,
    ]),
  )

/** Everything a person asks of one dead letter. */
export const deadLetterLines = (colours: Colours, letter: DeadLetter): string[] => {
  const { bold, dim } = colours
  const { id, state, reason, code, message, queue, service, path, stream, first_at, last_at, attempts } = letter
  const row = (name: string, value: string | null | undefined) =>
    value === null || value === undefined ? [] : [`  ${name.padEnd(10)} ${plain(value)}`]
  const section = (name: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', bold(name), ...lines.map((line) => `  ${line}`)]
  return [
    `${bold(id)}  ${stateIn(colours, state)}`,
    ...row('why', `${reason}: ${message} (${code})`),
    ...row('queue', queue),
    ...row('given up', service === undefined || service === null ? undefined : `by ${service}`),
    ...row(
      'came by',
      path && `${path.exchange === '' ? '(default exchange)' : (path.exchange ?? '?')}, key ${path.routing_key ?? ''}`,
    ),
    ...row('stream', stream && `${stream.name}, revisions ${stream.first_revision} to ${stream.last_seen} wait`),
    ...row('waits for', stream?.waits_for),
    ...row('type', letter.type),
    ...row('client', letter.client_id),
    ...row('command', letter.command_id),
    ...row('message', letter.message_id),
    ...row('tries', `${attempts}, first ${moment(first_at)}, last ${moment(last_at)}`),
    ...section('Headers', Object.entries(letter.headers ?? {}).map(pair)),
    ...section('Properties', Object.entries(letter.properties ?? {}).map(pair)),
    ...section('Body', letter.body ? contentLines(letter.body) : []),
    ...section('Edited body', letter.edited_body ? contentLines(letter.edited_body) : []),
    ...section(
      'Earlier deaths',
      letter.tries.map(({ at, code, message }) => `${moment(at)}  ${plain(message)} (${code})`),
    ),
    ...section(
      'Actions',
      letter.actions.map(
        ({ at, action, actor, reason }) =>
          `${moment(at)}  ${action} by ${plain(actor.id)}${reason === null ? '' : dim(`  ${plain(reason)}`)}`,
      ),
    ),
  ]
}

export const tellJob = (
  { green, red, yellow, dim }: Colours,
  { id, state, progress }: DeadLetterJob,
  unsettled: number,
): string[] => {
  const { done, total, resolved, failed, skipped } = progress
  if (total === 0) return ['There are none']
  return [
    `${state === 'completed' && failed === 0 ? green('✓') : yellow('!')} ${state}: ${done} of ${total} retried${dim(`  job ${id}`)}`,
    `  ${green(`${resolved} resolved`)}, ${failed > 0 ? red(`${failed} failed again`) : '0 failed again'}, ${skipped} skipped, ${unsettled} not settled yet`,
  ]
}

/** What a retry would come to, everything of it. */
export const forecastLines = (colours: Colours, forecast: DeadLetterForecast): string[] => {
  const { id, outcome, says, error, events, tables, commands, tasks, deliveries } = forecast
  const { bold, dim } = colours
  const before = (known: boolean) => (known ? dim('before') : '')
  const section = (name: string, head: string[], rows: string[][]) =>
    rows.length === 0 ? [] : ['', bold(name), ...tableOf(colours, head, rows).split('\n')]
  return [
    `${outcomeIn(colours, outcome)}  ${plain(says)}${error === null ? '' : dim(` (${error.code})`)}`,
    dim(`  dry run: nothing was done with ${plain(id)}`),
    ...section('Wrong fields', ['FIELD', 'WHAT'], error?.details.map(({ field, message }) => [field, message]) ?? []),
    ...section(
      'Events to append',
      ['EVENT', 'STREAM', 'REVISION', 'DATA'],
      events.map(({ type, stream, revision, data }) => [
        type,
        stream,
        String(revision),
        short(JSON.stringify(data), 80),
      ]),
    ),
    ...section(
      'Rows to write',
      ['TABLE', 'ROWS'],
      Object.entries(tables).map(([table, rows]) => [table, String(rows)]),
    ),
    ...section(
      'Commands to send',
      ['COMMAND', 'WHEN', 'ID', 'DONE'],
      commands.map(({ command_type, when, command_id, known }) => [command_type, when, command_id, before(known)]),
    ),
    ...section(
      'Tasks to hand out',
      ['TASK', 'ATTEMPT', 'INTENT', 'UNIT OF WORK', 'AGENTS', 'DONE'],
      tasks.map(({ task_id, attempt, intent, work_id, agents, known }) => [
        ...[task_id, String(attempt), intent, work_id, agents.join(', ') || '–', before(known)],
      ]),
    ),
    ...section(
      'To be told',
      ['WHAT', 'CHANNEL', 'WHERE', 'STATE', 'DONE'],
      deliveries.map(({ event_type, channel, target, state, known }) => [
        ...[event_type, channel, target || '–', state, before(known)],
      ]),
    ),
  ]
}

/** What retries of many would come to: a line for each, then how often each outcome came. */
export const forecastsLines = (
  colours: Colours,
  { total, cut, shown, summary, items }: DeadLetterForecasts,
): string[] => {
  if (total === 0) return ['There are none']
  const { bold, dim, yellow } = colours
  return [
    ...tableOf(
      colours,
      ['ID', 'QUEUE', 'TYPE', 'WOULD', 'WHAT'],
      items.map(({ id, queue, type, outcome, says }) => [
        ...[id, queue, type ?? '–', outcomeIn(colours, outcome), short(says, 80)],
      ]),
    ).split('\n'),
    '',
    bold('Summary'),
    ...summary.map(
      ({ outcome, code, count }) =>
        `  ${String(count).padStart(5)} ${outcomeIn(colours, outcome)}${code === null ? '' : `  ${code}`}`,
    ),
    ...(cut ? [yellow(`The first ${shown} of ${total} are shown; of the others nothing is known`)] : []),
    dim('Dry run: nothing was done. Each is foreseen for itself, on the state as it is now'),
  ]
}

const outcomeIn = ({ green, red, yellow, dim }: Colours, outcome: DeadLetterForecast['outcome']): string =>
  ({ changes: green, nothing: dim, refused: yellow, fails: red, waits: yellow, not_possible: red, unknown: yellow })[
    outcome
  ](outcome.replace('_', ' '))

const stateIn = ({ green, red, yellow, dim }: Colours, state: DeadLetterEntry['state']): string =>
  ({ open: red, retrying: yellow, resolved: green, discarded: dim })[state](state)

const contentLines = ({ encoding, size, content }: DeadLetterContent): string[] => {
  if (encoding === 'json') return JSON.stringify(content, undefined, 2).split('\n')
  if (encoding === 'text') return String(content).split('\n').map(plain)
  return [`${size} bytes, base64`, String(content)]
}

const pair = ([name, value]: [string, unknown]): string =>
  `${plain(name)}: ${plain(typeof value === 'string' ? value : JSON.stringify(value))}`

const short = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text)
