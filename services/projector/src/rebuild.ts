import { anyFromStored, bucketOf, partitionKeyOf, selectionOf, type AnyRecorded } from '@journey/contracts'
import { readWindow, type EventStore, type StoredEvent } from '@journey/event-store'
import {
  analyzeGeneration,
  appliedEvents,
  applyBatch,
  completeReplay,
  createGeneration,
  dropGeneration,
  generationExists,
  indexGeneration,
  streamsBehind,
  swapGeneration,
  type Behind,
  type Consumer,
  type Database,
  type ReplayRow,
  type ReplayWork,
  type Step,
} from '@journey/read-model'
import { codeOf, familyOf, type Log } from '@journey/runtime'
import { setTimeout as sleep } from 'node:timers/promises'

export type RebuildOptions = {
  db: Database['db']
  store: Pick<EventStore, 'readAll' | 'read'>
  /** The projector itself; what it is on the live tables, its like is on the generation. */
  consumer: Consumer<Step>
  /** Opens the database with a schema of its own. */
  openGeneration: (schema: string) => Database
  log: Log
}

/** Events of different clients are applied side by side, each client's in order. */
const lanes = 2
/** With so few streams behind, the rest is done while everyone waits. */
const fewBehind = 50
const swapPauseMs = 200
/** Of a stream that is far behind, so many events are held. */
const readAtOnce = 500

/**
 * Makes the whole read model anew from the streams, beside the live tables, and puts it in their place in one transaction.
 * Live events go on into the live tables; the gates of both tell what the new ones lack, up to the last moment. After a crash it
 * goes on with what is there; whatever is applied again is a duplicate for the gates.
 */
export const createRebuild = ({ db, store, consumer, openGeneration, log }: RebuildOptions): ReplayWork => ({
  run: async ({ replay, signal, report }) => {
    const known = await appliedEvents(db, consumer.name)
    report({ total: Math.max(known, replay.done) })
    if (replay.dry_run) return
    const schema = schemaOf(replay)
    const goesOn = await generationExists(db, schema)
    if (!goesOn) await createGeneration(db, schema)
    const generation = openGeneration(schema)
    const ofGeneration = { ...consumer, db: generation.db }
    let done = goesOn ? replay.done : 0
    const apply = async (events: readonly StoredEvent[]): Promise<void> => {
      const applied = await Promise.all(inLanes(readable(events, log)).map((some) => applyBatch(ofGeneration, some)))
      for (const { stream, code } of applied.flatMap(({ parkedNow }) => parkedNow))
        log.error({ stream, code, replay: replay.id }, 'a stream was put aside while rebuilding')
    }
    const catchUp = async (behind: readonly Behind[]): Promise<void> => {
      for (const { stream, from, to } of behind)
        for (let next = from; next <= to; next += readAtOnce)
          await apply(await store.read(stream, { from: next, maxCount: Math.min(readAtOnce, to - next + 1) }))
    }
    try {
      const after = goesOn && replay.position !== null ? BigInt(replay.position) : 'start'
      const isOurs = selectionOf({})
      for await (const { events: all, position } of readWindow(store, { from: beginning }, after, signal)) {
        const events = all.filter(isOurs)
        await apply(events)
        done += events.length
        report({ done, position, total: Math.max(known, done) })
      }
      if (isAborted(signal)) return
      await indexGeneration(db, schema)
      await analyzeGeneration(db, schema)
      while (!isAborted(signal)) {
        const behind = await streamsBehind(db, schema, consumer.name, 1_000)
        if (behind.length > fewBehind) await catchUp(behind)
        else if (await swap(catchUp)) return
        else await sleep(swapPauseMs, undefined, { signal }).catch(() => undefined)
      }
    } finally {
      await generation.stop()
    }

    /** False when somebody was in the way. */
    async function swap(catchUp: (behind: readonly Behind[]) => Promise<void>): Promise<boolean> {
      try {
        await swapGeneration(db, {
          schema,
          consumer: consumer.name,
          catchUp,
          finish: (transaction) => completeReplay(transaction, replay.id, { done, total: done }),
        })
        return true
      } catch (error) {
        if (!['database/too_slow', 'database/serialization'].includes(codeOf(error))) throw error
        log.debug({ replay: replay.id, code: codeOf(error) }, 'the tables were in use; swapped a little later')
        return false
      }
    }
  },
  discard: (replay) => dropGeneration(db, schemaOf(replay)),
})

/** Before anything happened. */
const beginning = new Date(0).toISOString()

const schemaOf = ({ id }: ReplayRow): string => `rebuild_${id.replaceAll('-', '')}`

/** As over the bus: what cannot be read is passed over, and puts its stream aside with the next event that can. */
const readable = (stored: readonly StoredEvent[], log: Log): AnyRecorded[] =>
  stored.flatMap((one) => {
    try {
      return anyFromStored(one) ?? []
    } catch (error) {
      if (familyOf(error) !== 'malformed') throw error
      log.error({ stream: one.stream, revision: one.revision, code: codeOf(error) }, 'an event cannot be read')
      return []
    }
  })

const inLanes = (events: readonly AnyRecorded[]): AnyRecorded[][] => {
  const all: AnyRecorded[][] = Array.from({ length: lanes }, () => [])
  for (const event of events) {
    const { client_id: clientId } = event.event.data as { client_id?: string }
    all[Number(bucketOf(partitionKeyOf(event.stream, clientId))) % lanes]!.push(event)
  }
  return all.filter(({ length }) => length > 0)
}

/** A function, since the compiler does not know that a signal changes while one waits. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted
