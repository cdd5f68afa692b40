import {
  exchanges as ours,
  isOwnQueue,
  migratedBy,
  projectorQueueNumber,
  queueOfName,
  type Queue,
  type Topology,
} from '@journey/contracts'
import type { FoundBinding, FoundExchange, FoundQueue } from './management.js'

/** What stands on the broker: exchanges, queues and bindings of one virtual host. */
export type Found = {
  exchanges: readonly FoundExchange[]
  queues: readonly FoundQueue[]
  bindings: readonly FoundBinding[]
}

/** One thing in which the broker is not as the table says. */
export type Difference = {
  kind: 'missing' | 'different' | 'extra' | 'unfinished'
  thing: 'exchange' | 'queue' | 'binding'
  /** Of the exchange or queue. */
  name: string
  /** Which argument differs, or which binding: `journey.events: bucket.07`. */
  part: string | null
  is: string | null
  should: string | null
  /** What `apply` does about it, or what a person has to do. */
  remedy: string
}

/** What the table asks for and the broker has not, has otherwise, or has beyond it among what is ours. Others' queues are theirs. */
export const differencesBetween = (table: Topology, found: Found): Difference[] => [
  ...table.exchanges.flatMap((exchange) => ofExchange(exchange, found.exchanges)),
  ...wantedQueues(table, found).flatMap((queue) => ofQueue(queue, found)),
  ...extraQueues(table, found),
]

/** The table's queues, and those of intents and agents that are there, or would be but for a migration that was cut off. */
export const wantedQueues = (table: Topology, found: Found): Queue[] => {
  const known = new Set(table.queues.map(({ name }) => name))
  const there = found.queues.filter(({ exclusive }) => !exclusive).map(({ name }) => migratedBy(name) ?? name)
  const others = [...new Set(there)].filter((name) => !known.has(name))
  return [...table.queues, ...others.flatMap((name) => queueOfName(name) ?? [])]
}

const ofExchange = ({ name, type }: Topology['exchanges'][number], found: readonly FoundExchange[]): Difference[] => {
  const there = found.find((exchange) => exchange.name === name)
  const about = { thing: 'exchange', name } as const
  if (!there) return [{ ...about, kind: 'missing', part: null, is: null, should: type, remedy: 'is declared' }]
  const byHand = 'by hand: stop all services, delete the exchange, apply'
  return [
    ...(there.type === type
      ? []
      : [{ ...about, kind: 'different' as const, part: 'type', is: there.type, should: type, remedy: byHand }]),
    ...(there.durable
      ? []
      : [{ ...about, kind: 'different' as const, part: 'durable', is: 'false', should: 'true', remedy: byHand }]),
  ]
}

const ofQueue = (queue: Queue, found: Found): Difference[] => {
  const { name } = queue
  const there = found.queues.find((one) => one.name === name)
  const isMigrating = found.queues.some((one) => migratedBy(one.name) === name)
  const differences: Difference[] = []
  const about = { thing: 'queue', name } as const
  if (isMigrating)
    differences.push({
      ...about,
      kind: 'unfinished',
      part: null,
      is: 'a migration was cut off',
      should: null,
      remedy: 'is taken to its end',
    })
  if (!there)
    return [...differences, { ...about, kind: 'missing', part: null, is: null, should: null, remedy: 'is declared' }]
  for (const { argument, is, should } of argumentDifferences(queue, there))
    differences.push({
      ...about,
      kind: 'different',
      part: argument,
      is,
      should,
      remedy: 'is declared anew, its messages wait in a queue beside',
    })
  return [...differences, ...ofBindings(queue, found.bindings)]
}

/** Arguments in which a queue on the broker differs from its row; a null is an argument that is not set. */
export const argumentDifferences = (
  queue: Queue,
  { arguments: has, durable, type }: FoundQueue,
): { argument: string; is: string | null; should: string | null }[] => {
  const actual: Record<string, unknown> = { durable, ...has, 'x-queue-type': type }
  const wanted: Record<string, unknown> = { durable: true, ...queue.arguments }
  return [...new Set([...Object.keys(wanted), ...Object.keys(actual)])]
    .filter((argument) => actual[argument] !== wanted[argument])
    .map((argument) => ({ argument, is: shown(actual[argument]), should: shown(wanted[argument]) }))
}

const shown = (value: unknown): string | null =>
  value === undefined ? null : typeof value === 'string' ? value : JSON.stringify(value)

/** Bindings to `journey.replay` come and go with replays. */
const ofBindings = ({ name, bindings }: Queue, found: readonly FoundBinding[]): Difference[] => {
  const there = found.filter(({ queue, exchange }) => queue === name && exchange !== ours.replay.name)
  const same = (a: { exchange: string; key: string }) => (b: { exchange: string; key: string }) =>
    a.exchange === b.exchange && a.key === b.key
  const about = { thing: 'binding', name, is: null, should: null } as const
  return [
    ...bindings
      .filter((binding) => !there.some(same(binding)))
      .map(({ exchange, key }) => ({
        ...about,
        kind: 'missing' as const,
        part: `${exchange}: ${key}`,
        remedy: 'is bound',
      })),
    ...there
      .filter((binding) => !bindings.some(same(binding)))
      .map(({ exchange, key }) => ({
        ...about,
        kind: 'extra' as const,
        part: `${exchange}: ${key}`,
        remedy: 'is taken away',
      })),
  ]
}

const extraQueues = (table: Topology, found: Found): Difference[] => {
  const wanted = new Set(wantedQueues(table, found).map(({ name }) => name))
  return found.queues
    .filter(({ name, exclusive }) => isOwnQueue(name) && !exclusive && !wanted.has(name))
    .filter(({ name }) => !wanted.has(migratedBy(name) ?? ''))
    .map(({ name }) => ({
      kind: 'extra',
      thing: 'queue',
      name,
      part: null,
      is: null,
      should: null,
      remedy:
        projectorQueueNumber(name.replace(/\.dlq$/, '')) === undefined
          ? 'by hand: delete it once nobody needs what is in it'
          : 'its messages go to the queues that took over, then it is deleted',
    }))
}
