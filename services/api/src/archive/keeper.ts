import { archive, restore, verify, type Storage } from '@journey/archive'
import { ourStreams } from '@journey/contracts'
import type { EventStore } from '@journey/event-store'
import {
  archiveJobUnderWay,
  endArchiveJob,
  lastArchiveRun,
  lead,
  noteArchiveProgress,
  requestArchiveJob,
  type ArchiveJobResult,
  type ArchiveJobRow,
  type Database,
} from '@journey/read-model'
import { codeOf, familyOf, inTheBackground, messageOf, type Log, type Part } from '@journey/runtime'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

const lookEveryMs = 500
const noteEveryMs = 500
const tryAgainMs = 5_000
const dayMs = 86_400_000

/** What the keeper works with. `store` gives and takes events as they are stored: what is sealed stays sealed in the archive. */
export type Keeping = {
  db: Database['db']
  store: EventStore
  storage: Storage
  /** How old an event must be to be archived, unless a job says otherwise. */
  afterDays: number
  now: () => Date
  log: Log
}

/** Does the jobs on the archive, one after the other, and asks for one each day, in one of all instances of the API. */
export const archiveKeeper = (keeping: Keeping): Part =>
  inTheBackground('archive', (signal) =>
    lead({ db: keeping.db, name: 'archive', log: keeping.log, signal, work: (leading) => keep(keeping, leading) }),
  )

const keep = async (keeping: Keeping, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    await askDaily(keeping)
    const job = await archiveJobUnderWay(keeping.db)
    if (job) await attend(keeping, job, signal)
    else await pause(lookEveryMs, signal)
  }
}

/**
 * Ends a job, whatever comes of it. A server that is away is waited for; whoever leads after a crash does the job again, which
 * harms nothing: each kind goes on where it was, or only reads.
 */
const attend = async (keeping: Keeping, job: ArchiveJobRow, signal: AbortSignal): Promise<void> => {
  const { db, log } = keeping
  const fields = { job: job.id, kind: job.kind }
  log.info(fields, 'working on the archive')
  const cancelled = new AbortController()
  const either = AbortSignal.any([signal, cancelled.signal])
  let done = 0
  const noting = (async () => {
    while (await passed(noteEveryMs, either))
      if (!(await noteArchiveProgress(db, job.id, done).catch(() => true))) cancelled.abort()
  })()
  try {
    const result = await work(keeping, job, either, (events) => (done = events))
    await endArchiveJob(db, job.id, { state: 'completed', result })
    log.info({ ...fields, events: result.events, problems: result.problems?.length }, 'done with the archive')
  } catch (error) {
    if (either.aborted) return
    if (familyOf(error) === 'unavailable') {
      log.warn({ ...fields, code: codeOf(error), reason: messageOf(error) }, 'a job on the archive waits')
      await pause(tryAgainMs, either)
      return
    }
    log.error({ ...fields, err: error }, 'a job on the archive failed')
    await endArchiveJob(db, job.id, { state: 'failed', error })
  } finally {
    cancelled.abort()
    await noting
  }
}

const work = async (
  { store, storage, afterDays, now }: Keeping,
  { kind, options }: ArchiveJobRow,
  signal: AbortSignal,
  tell: (done: number) => void,
): Promise<ArchiveJobResult> => {
  const watched = { signal, report: ({ done }: { done: number }) => tell(done) }
  switch (kind) {
    case 'run': {
      const isArchived = (stream: string) => ourStreams.some((prefix) => stream.startsWith(prefix))
      const before = thresholdOf(options.older_than_days ?? afterDays, now())
      return archive({ source: store, storage, isArchived }, { before, ...watched })
    }
    case 'verify':
      return verify(storage, options, watched)
    case 'restore':
      return restore(storage, store, options, watched)
  }
}

/** Whole days are archived, so that each lies together; with 0 days, all that is stored. */
const thresholdOf = (days: number, now: Date): Date =>
  days === 0 ? now : new Date(Math.floor(now.getTime() / dayMs - days) * dayMs)

const askDaily = async ({ db, now }: Keeping): Promise<void> => {
  const last = await lastArchiveRun(db)
  if (last !== undefined && now().getTime() - Date.parse(last) < dayMs) return
  const job = { id: randomUUID(), kind: 'run', options: {}, requestedBy: { type: 'system', id: 'api' } } as const
  await requestArchiveJob(db, job).catch((error: unknown) => {
    if (codeOf(error) !== 'database/duplicate') throw error // somebody's job runs; this one is asked for after it
  })
}

const pause = (ms: number, signal: AbortSignal): Promise<unknown> => passed(ms, signal)

/** Waits; false when the signal came first. */
const passed = (ms: number, signal: AbortSignal): Promise<boolean> => sleep(ms, true, { signal }).catch(() => false)
