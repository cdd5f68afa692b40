import type { DeadLetter, DeadLetterContent, DeadLetterEntry, DeadLetterGroup, DeadLetterJob } from './answers.js'
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
