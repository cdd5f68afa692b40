import {
  bucketOf,
  buckets,
  deadLetterQueueOf,
  exchanges,
  projectorQueue,
  projectorQueueNumber,
  type Topology,
} from '@journey/contracts'
import { conflict } from '@journey/runtime'
import type { ConsumeMessage } from 'amqplib'
import { onChannel } from '../binding.js'
import type { Connection } from '../connection.js'
import { sleep } from '../waiting.js'
import { declareTopology } from './declare.js'
import { differencesBetween, wantedQueues, type Difference, type Found } from './differences.js'
import type { Management } from './management.js'
import { empty, migrateQueue } from './migrate.js'
import { moveMessages } from './move.js'

/** Everything that stands on the broker now. @throws unavailable `broker/management_away`, `broker/access_refused` */
export const findTopology = async (management: Management): Promise<Found> => {
  const [exchanges, queues, bindings] = await Promise.all([
    management.exchanges(),
    management.queues(),
    management.bindings(),
  ])
  return { exchanges, queues, bindings }
}

/** The differences between the table and the broker; none when all is as it should be. */
export const planTopology = async (management: Management, table: Topology): Promise<Difference[]> =>
  differencesBetween(table, await findTopology(management))

/**
 * Makes the broker as the table says, under live traffic: declares what is missing, declares anew what differs, takes away bindings
 * that are too many, and gives the messages of projector queues beyond the table to those that took over. Queues of ours that it knows
 * nothing of are left. Safe to repeat, after a crash too; one at a time.
 *
 * @param letGo has the projector stop reading from queues beyond the table
 * @param note hears each step that was taken
 * @returns what is left for a person to do
 * @throws conflict `topology/by_hand`: an exchange differs. Nothing was done
 * @throws as `migrateQueue`
 */
export const applyTopology = async ({
  connection,
  management,
  table,
  letGo,
  note,
  patienceMs,
}: {
  connection: Connection
  management: Management
  table: Topology
  letGo: () => Promise<void>
  note: (step: string) => void
  patienceMs?: number
}): Promise<Difference[]> => {
  const found = await findTopology(management)
  const differences = differencesBetween(table, found)
  const wrong = differences.find(({ thing, kind }) => thing === 'exchange' && kind === 'different')
  if (wrong)
    throw conflict(
      'topology/by_hand',
      `The exchange ${wrong.name} is there with ${wrong.part} ${wrong.is}, and should be ${wrong.should}. Stop all services, delete it, and apply again.`,
    )
  const patience = patienceMs === undefined ? {} : { patienceMs }
  const of = (kind: Difference['kind'], thing: Difference['thing']) =>
    differences.filter((one) => one.kind === kind && one.thing === thing)

  await onChannel(connection, 'declaring exchanges', (channel) =>
    declareTopology(channel, { exchanges: table.exchanges, queues: [] }),
  )
  const queues = wantedQueues(table, found)
  const toMigrate = new Set([...of('different', 'queue'), ...of('unfinished', 'queue')].map(({ name }) => name))
  for (const queue of queues) {
    if (toMigrate.has(queue.name)) await migrateQueue({ connection, management, queue, note, ...patience })
    else
      await onChannel(connection, `declaring ${queue.name}`, (channel) =>
        declareTopology(channel, { exchanges: [], queues: [queue] }),
      )
  }
  for (const { name } of of('missing', 'queue')) if (!toMigrate.has(name)) note(`${name}: declared`)
  for (const [name, parts] of byName(of('missing', 'binding'))) note(`${name}: ${parts.length} bindings added`)

  await onChannel(connection, 'unbinding', async (channel) => {
    for (const { name, part } of of('extra', 'binding')) {
      const [exchange = '', key = ''] = part!.split(': ')
      await channel.unbindQueue(name, exchange, key)
    }
  })
  for (const [name, parts] of byName(of('extra', 'binding'))) note(`${name}: ${parts.length} bindings taken away`)

  await retire({ connection, management, table, letGo, note, ...patience })
  return planTopology(management, table)
}

/** Empties and deletes the projector's queues beyond the table. */
const retire = async ({
  connection,
  management,
  table,
  letGo,
  note,
  patienceMs,
}: {
  connection: Connection
  management: Management
  table: Topology
  letGo: () => Promise<void>
  note: (step: string) => void
  patienceMs?: number
}): Promise<void> => {
  const count = table.queues.filter(({ name }) => projectorQueueNumber(name) !== undefined).length
  const isBeyond = (name: string): boolean => (projectorQueueNumber(name.replace(/\.dlq$/, '')) ?? -1) >= count
  const { queues, bindings } = await findTopology(management)
  const beyond = queues.map(({ name }) => name).filter(isBeyond)
  const patience = patienceMs === undefined ? {} : { patienceMs }
  const ofDeadLetters = (exchange: string): boolean => exchange === exchanges.deadLetters.name

  await onChannel(connection, 'unbinding', async (channel) => {
    for (const { queue, exchange, key } of bindings)
      if (isBeyond(queue) && !ofDeadLetters(exchange)) await channel.unbindQueue(queue, exchange, key)
  })
  const work = beyond.filter((name) => projectorQueueNumber(name) !== undefined)
  for (const name of work) await workedOff(connection, name)
  await letGo()
  for (const name of [...work, ...beyond.filter((name) => !work.includes(name))]) {
    const to = name.endsWith('.dlq')
      ? () => deadLetterQueueOf(projectorQueue(0))
      : (message: ConsumeMessage) => projectorQueue(bucketNumberOf(message) % count)
    const move = () => moveMessages({ connection, from: name, to, ...patience })
    const moved = await empty({ connection, management, name, move, ...patience })
    await onChannel(connection, `deleting ${name}`, (channel) => channel.deleteQueue(name))
    note(`${name}: ${moved} messages moved to the queues that took over, then deleted`)
  }
}

const workedOffPatienceMs = 5_000

/** Gives the projector time to take what is left by itself, as long as it gets on: then nothing is out of order. */
const workedOff = async (connection: Connection, name: string): Promise<void> => {
  for (let before = Infinity, since = Date.now(); Date.now() - since < workedOffPatienceMs;) {
    const { messageCount, consumerCount } = await onChannel(connection, `looking at ${name}`, (channel) =>
      channel.checkQueue(name),
    )
    if (messageCount === 0 || consumerCount === 0) return
    if (messageCount < before) [before, since] = [messageCount, Date.now()]
    await sleep(100)
  }
}

/** What has no partition key is nobody's event; any queue will dead-letter it. */
const bucketNumberOf = ({ properties: { headers } }: ConsumeMessage): number => {
  const key: unknown = headers?.['partition-key']
  return typeof key === 'string' ? buckets.indexOf(bucketOf(key)) : 0
}

const byName = (differences: readonly Difference[]): Map<string, Difference[]> => {
  const names = new Map<string, Difference[]>()
  for (const one of differences) names.set(one.name, [...(names.get(one.name) ?? []), one])
  return names
}
