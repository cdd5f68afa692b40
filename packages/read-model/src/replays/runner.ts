import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { codeOf, familyOf, messageOf, type Log } from '@journey/runtime'
import type { Tables } from '../tables.js'
import {
  endReplay,
  noteReplayCleaned,
  replayOf,
  replaysToWorkOn,
  saveReplayProgress,
  type ReplayConsumers,
  type ReplayProgress,
} from './store.js'
import type { ReplayRow } from './table.js'

/** A replay at work. */
export type ReplayJob = {
  /** As it stood when this stretch of work began: `position`, `done` and `until_position` say where to go on. */
  replay: ReplayRow
  /** Aborted when somebody pauses or cancels it, or the service stops: end soon, with or without an error. */
  signal: AbortSignal
  /** Tells how far it is; written down within half a second, and at the end. What is told must be durable already. */
  report: (progress: ReplayProgress) => void
  /** Writes what was told down now, for work that must not be repeated by much after a crash. @throws unavailable */
  save: () => Promise<void>
}

export type ReplayWork = {
  /**
   * Does all of it, or goes on where it was. A server that is away (unavailable, conflict) makes it start over from what was
   * reported; anything else ends the replay as failed.
   */
  run: (job: ReplayJob) => Promise<void>
  /** Takes away what a cancelled or failed one left behind. Safe to repeat. */
  discard: (replay: ReplayRow) => Promise<void>
}

const lookEveryMs = 400
const firstPauseMs = 250
const mostPauseMs = 5_000

/**
 * Works on the replays of its consumers, at once as far as they are of different ones, until the signal comes. Pausing,
 * resuming and cancelling take effect within half a second. To be run by one leader; two for a moment must be harmless to `work`.
 */
export const runReplays = async ({
  db,
  consumers,
  work,
  log,
  signal,
}: {
  db: Kysely<Tables>
  consumers: ReplayConsumers
  work: ReplayWork
  log: Log
  signal: AbortSignal
}): Promise<void> => {
  const active = new Map<string, Promise<void>>()
  let failures = 0
  while (!signal.aborted) {
    try {
      for (const replay of await replaysToWorkOn(db, consumers)) {
        if (active.has(replay.id)) continue
        const one = replay.state === 'running' ? runOne(db, work, replay, log, signal) : clean(db, work, replay)
        active.set(
          replay.id,
          one
            .catch((error: unknown) => log.warn({ err: error, replay: replay.id }, 'a replay is tried again'))
            .finally(() => active.delete(replay.id)),
        )
      }
      failures = 0
    } catch (error) {
      failures++
      if (failures === 1 && !isAborted(signal)) log.warn({ reason: messageOf(error) }, 'replays wait')
    }
    await passed(failures === 0 ? lookEveryMs : pauseAfter(failures), signal)
  }
  await Promise.all(active.values())
}

const clean = async (db: Kysely<Tables>, work: ReplayWork, replay: ReplayRow): Promise<void> => {
  await work.discard(replay)
  await noteReplayCleaned(db, replay.id)
}

const runOne = async (
  db: Kysely<Tables>,
  work: ReplayWork,
  { id, consumer, mode }: ReplayRow,
  log: Log,
  signal: AbortSignal,
): Promise<void> => {
  log.info({ replay: id, consumer, mode }, 'replaying')
  for (let failures = 1; !signal.aborted; failures++) {
    const replay = await replayOf(db, id)
    if (replay?.state !== 'running') return
    const began = Date.now()
    const outcome = await stretch(db, work, replay, signal)
    if (outcome.kind === 'done') {
      await endReplay(db, id)
      log.info({ replay: id, consumer, mode }, 'replayed')
      return
    }
    if (outcome.kind === 'stopped') return
    const { error } = outcome
    const fields = { replay: id, consumer, mode, code: codeOf(error), reason: messageOf(error) }
    if (!['unavailable', 'conflict'].includes(familyOf(error))) {
      log.error({ ...fields, err: error }, 'a replay failed')
      await work.discard(replay)
      await endReplay(db, id, error)
      return
    }
    if (Date.now() - began > 30_000) failures = 1
    log.warn({ ...fields, failures }, 'a replay was cut off; it goes on from where it was')
    await passed(pauseAfter(failures), signal)
  }
}

type Stretch = { kind: 'done' } | { kind: 'stopped' } | { kind: 'broken'; error: unknown }

/** Runs until the end, or until somebody or something stops it; what was reported is saved in any case, as far as possible. */
const stretch = async (
  db: Kysely<Tables>,
  work: ReplayWork,
  replay: ReplayRow,
  signal: AbortSignal,
): Promise<Stretch> => {
  const stopped = new AbortController()
  const ended = new AbortController()
  const either = AbortSignal.any([signal, stopped.signal])
  let progress: ReplayProgress = {}
  const saveNow = async (): Promise<void> => {
    const told = progress
    progress = {}
    const state = await saveReplayProgress(db, replay.id, told).catch((error: unknown) => {
      progress = { ...told, ...progress }
      throw error
    })
    if (state !== 'running') stopped.abort()
  }
  let last = Promise.resolve()
  /** One after the other, so that no earlier place overwrites a later one. */
  const save = (): Promise<void> => (last = last.catch(() => undefined).then(saveNow))
  const saving = (async () => {
    while (await passed(lookEveryMs, ended.signal)) await save().catch(() => undefined)
  })()
  let outcome: Stretch
  try {
    const report = (more: ReplayProgress) => (progress = { ...progress, ...more })
    await work.run({ replay, signal: either, report, save })
    outcome = either.aborted ? { kind: 'stopped' } : { kind: 'done' }
  } catch (error) {
    outcome = either.aborted ? { kind: 'stopped' } : { kind: 'broken', error }
  }
  ended.abort()
  await saving
  await save()
  return outcome
}

const pauseAfter = (failures: number): number => Math.min(firstPauseMs * 2 ** (failures - 1), mostPauseMs)

/** Waits; false when the signal came first. */
const passed = (ms: number, signal: AbortSignal): Promise<boolean> => sleep(ms, true, { signal }).catch(() => false)

/** A function, since the compiler does not know that a signal changes while one waits. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted
