import { exchanges, migrationQueueOf, type Binding, type Queue } from '@journey/contracts'
import type { Channel } from 'amqplib'
import { onChannel } from '../binding.js'
import type { Connection } from '../connection.js'
import { sleep } from '../waiting.js'
import { declareTopology } from './declare.js'
import { argumentDifferences } from './differences.js'
import type { Management } from './management.js'
import { heldQueue, moveMessages } from './move.js'

/**
 * The figures of the management API are up to 5 s old (`collect_statistics_interval`). A queue that gets nothing new only
 * becomes emptier, so a figure of after this time speaks of now.
 */
const figuresAgeMs = 12_000

/**
 * Consumers of a queue that is there again at once are not told that it was deleted, and hear nothing ever after (tried on 3.10.8:
 * so it is without a pause, and no more after 50 ms).
 */
const cancelMs = 1_000

/**
 * Declares a queue anew whose arguments differ, without losing a message, while messages come in and are consumed:
 *
 * 1. a queue beside it is bound as it is, and the old one unbound; for a moment both get what comes in
 * 2. what the old one holds moves to the one beside, until its consumers hold nothing either; then it is deleted
 * 3. the new one is declared and bound, the one beside unbound, and its messages move to the new one; then it is deleted
 *
 * Every step finds by itself how far an earlier call came, so a call that was cut off is made again. Some messages may come twice, and
 * those that waited come after those that were published meanwhile: what consumers behind a gate or an idempotency key bear.
 *
 * @throws unavailable `topology/queue_held`, `broker/…`, conflict `broker/topology_drift` when someone declares it otherwise meanwhile
 */
export const migrateQueue = async ({
  connection,
  management,
  queue,
  note,
  patienceMs,
}: {
  connection: Connection
  management: Management
  queue: Queue
  note: (step: string) => void
  patienceMs?: number
}): Promise<void> => {
  const beside = migrationQueueOf(queue)
  const on = <T>(doing: string, work: (channel: Channel) => Promise<T>) => onChannel(connection, doing, work)
  const boundTo = async (name: string): Promise<Binding[]> =>
    (await management.bindings()).filter((binding) => binding.queue === name)
  const bind = (name: string, bindings: readonly Binding[]) =>
    on(`binding ${name}`, async (channel) => {
      for (const { exchange, key } of bindings) await channel.bindQueue(name, exchange, key)
    })
  const unbind = async (name: string) => {
    const bindings = await boundTo(name)
    await on(`unbinding ${name}`, async (channel) => {
      for (const { exchange, key } of bindings) await channel.unbindQueue(name, exchange, key)
    })
  }
  const move = (from: string, to: string) =>
    moveMessages({ connection, from, to: () => to, ...(patienceMs === undefined ? {} : { patienceMs }) })

  const old = (await management.queues()).find(({ name }) => name === queue.name)
  if (old && argumentDifferences(queue, old).length > 0) {
    await on(`declaring ${beside.name}`, (channel) => declareTopology(channel, { exchanges: [], queues: [beside] }))
    await bind(beside.name, await boundTo(queue.name))
    note(`${queue.name}: what is published goes to ${beside.name}`)
    await unbind(queue.name)
    const moved = await empty({ connection, management, name: queue.name, move: () => move(queue.name, beside.name) })
    await on(`deleting ${queue.name}`, (channel) => channel.deleteQueue(queue.name))
    await sleep(cancelMs)
    note(`${queue.name}: ${moved} messages moved aside, the old queue deleted`)
  }
  await on(`declaring ${queue.name}`, (channel) => declareTopology(channel, { exchanges: [], queues: [queue] }))
  if (!(await management.queues()).some(({ name }) => name === beside.name)) return
  const foreign = (await boundTo(beside.name)).filter(({ exchange }) => exchange === exchanges.replay.name)
  await bind(queue.name, foreign)
  await unbind(beside.name)
  const back = await move(beside.name, queue.name)
  await on(`deleting ${beside.name}`, (channel) => channel.deleteQueue(beside.name))
  note(`${queue.name}: declared anew, ${back} messages moved back`)
}

/**
 * Empties a queue that gets nothing new by moving its messages, again and again, until it is certain that its consumers hold none
 * either.
 *
 * @returns how many were moved
 * @throws unavailable `topology/queue_held`
 */
export const empty = async ({
  connection,
  management,
  name,
  move,
  patienceMs = 60_000,
}: {
  connection: Connection
  management: Management
  name: string
  move: () => Promise<number>
  patienceMs?: number
}): Promise<number> => {
  const began = Date.now()
  let moved = 0
  for (let waitingSince = began; ;) {
    const now = await move()
    moved += now
    if (now > 0) waitingSince = Date.now()
    const { messageCount, consumerCount } = await onChannel(connection, `looking at ${name}`, (channel) =>
      channel.checkQueue(name),
    )
    if (messageCount > 0) continue
    if (consumerCount === 0) return moved // a consumer that went has given back what it held, which would be seen here
    await sleep(500)
    const figures = (await management.queues()).find((queue) => queue.name === name)
    const held = figures?.messages_unacknowledged
    if (Date.now() - began > figuresAgeMs && held === 0 && figures?.messages_ready === 0) return moved
    if (Date.now() - waitingSince > patienceMs) throw heldQueue(name, held ?? 'some')
  }
}
