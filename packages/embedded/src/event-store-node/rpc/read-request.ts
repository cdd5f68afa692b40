import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import { createFilter, type EventFilter } from '../filters.js'
import type { Direction } from '../reads.js'
import { lastRevision } from '../recorded-event.js'
import type { UuidForm } from './encode.js'
import { isStreamName, nameOf } from './identifiers.js'
import { invalidArgument } from './statuses.js'

/** Where to begin: a revision of the stream, a position of the log, or one of its ends. */
export type From = bigint | 'start' | 'end'

/** A checked `ReadReq`. */
export type ReadRequest = {
  readonly source: { readonly stream: string } | 'all'
  readonly from: From
  readonly resolveLinks: boolean
  readonly uuidForm: UuidForm
  readonly filter: EventFilter | undefined
} & (
  | { readonly mode: 'read'; readonly direction: Direction; readonly count: bigint }
  | { readonly mode: 'subscription'; readonly checkpointEvery: number }
)

/** @throws CallFailed INVALID_ARGUMENT for options that are missing, unknown or do not go together */
export const readRequestOf = (request: ReadReq): ReadRequest => {
  const options = request.getOptions()
  if (!options) throw invalidArgument('A read needs options')
  const uuidOption = options.getUuidOption()
  if (!uuidOption?.hasString() && !uuidOption?.hasStructured()) throw invalidArgument('A read needs a uuid option')
  const source = sourceOf(options)
  const filterOptions = options.getFilter()
  if (!filterOptions && !options.hasNoFilter()) throw invalidArgument('A read needs a filter or no_filter')
  if (filterOptions && source !== 'all') throw invalidArgument('Filters are for reads of $all only')
  const common = {
    source,
    from: fromOf(options),
    resolveLinks: options.getResolveLinks(),
    uuidForm: uuidOption.hasString() ? ('string' as const) : ('structured' as const),
    filter: filterOptions && filterOf(filterOptions),
  }
  const direction = directionOf(options.getReadDirection())
  if (options.hasSubscription()) {
    if (direction === 'backwards') throw invalidArgument('A subscription runs forwards')
    return { ...common, mode: 'subscription', checkpointEvery: filterOptions ? checkpointIntervalOf(filterOptions) : 0 }
  }
  const count = BigInt(options.getCount())
  if (!options.hasCount() || count === 0n) throw invalidArgument('A read needs a count above zero')
  if (source !== 'all' && direction === 'forwards' && common.from === 'end')
    throw invalidArgument('There is nothing to read forwards from the end of a stream')
  return { ...common, mode: 'read', direction, count }
}

const sourceOf = (options: ReadReq.Options): ReadRequest['source'] => {
  if (options.hasAll()) return 'all'
  const stream = nameOf(options.getStream()?.getStreamIdentifier())
  if (!isStreamName(stream)) throw invalidArgument(`A read needs $all or a stream name; '${stream}' is none`)
  return { stream }
}

const fromOf = (options: ReadReq.Options): From => {
  const stream = options.getStream()
  const all = options.getAll()
  const one = stream ?? all
  if (one?.hasStart()) return 'start'
  if (one?.hasEnd()) return 'end'
  if (stream?.hasRevision()) return orEnd(BigInt(stream.getRevision()))
  const position = all?.getPosition()
  if (position) return orEnd(BigInt(position.getCommitPosition()))
  throw invalidArgument('A read needs a revision, a position, start or end')
}

/** Numbers beyond 2^63 - 1 are the protocol's way to name the end. */
const orEnd = (number: bigint): From => (number > lastRevision ? 'end' : number)

const directionOf = (direction: number): Direction => {
  if (direction === 0) return 'forwards'
  if (direction === 1) return 'backwards'
  throw invalidArgument(`There is no read direction ${direction}`)
}

const filterOf = (options: ReadReq.Options.FilterOptions): EventFilter => {
  const on = options.hasEventType() ? 'type' : 'stream'
  const expression = options.getEventType() ?? options.getStreamIdentifier()
  if (!expression) throw invalidArgument('A filter is on the event type or on the stream name')
  if (!options.hasMax() && !options.hasCount()) throw invalidArgument('A filter needs a window: max or count')
  try {
    return createFilter({ on, regex: expression.getRegex(), prefixes: expression.getPrefixList() })
  } catch {
    throw invalidArgument(`The filter's regular expression cannot be read: ${expression.getRegex()}`)
  }
}

/** The server's window when the client leaves it to the server. */
const defaultWindow = 32

const checkpointIntervalOf = (options: ReadReq.Options.FilterOptions): number => {
  const multiplier = options.getCheckpointintervalmultiplier()
  const window = options.hasMax() ? options.getMax() : defaultWindow
  if (multiplier === 0 || window === 0) throw invalidArgument('The checkpoint interval must be above zero')
  return multiplier * window
}
