import type { RecordedEvent } from './recorded-event.js'

/** Which events of the log a reader wants. */
export type EventFilter = (event: Pick<RecordedEvent, 'stream' | 'type'>) => boolean

/** A filter as it is asked for: a regular expression wins over prefixes; neither matches nothing. */
export type FilterExpression = {
  readonly on: 'stream' | 'type'
  readonly regex: string
  readonly prefixes: readonly string[]
}

/**
 * Turns an expression into a filter. The regular expression is searched for anywhere, case-sensitively unless it begins with
 * `(?i)`; it is read as JavaScript's, which agrees with .NET's but for other inline flags and some named groups.
 *
 * @throws SyntaxError when it is not one
 */
export const createFilter = ({ on, regex, prefixes }: FilterExpression): EventFilter => {
  if (regex !== '') {
    const pattern = regex.startsWith('(?i)') ? new RegExp(regex.slice(4), 'i') : new RegExp(regex)
    return (event) => pattern.test(event[on])
  }
  return (event) => prefixes.some((prefix) => event[on].startsWith(prefix))
}

/** The log of everything leaves these out; they are the server's own books. */
const hiddenStreams = /^(\$epoch-information|\$persistentsubscription-\$all::.*-(checkpoint|parked))$/s

export const isInLog: EventFilter = ({ stream }) => !(stream.startsWith('$') && hiddenStreams.test(stream))
