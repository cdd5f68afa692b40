import { readableRevisions, type Database } from '@journey/read-model'
import { createPoll } from '../poll.js'
import { problem } from '../problems.js'

/** Lets a caller read what it wrote: waits until the read model has a revision of a stream. */
export interface Freshness {
  /** @throws 412 `revision/not_reached` after 5 s, with the revision that is there */
  await(stream: string, minRevision: number | undefined, gone?: AbortSignal): Promise<void>
  stop(): void
}

/** How long a read waits for what it asks for (CONTRACT.md section 2). */
const limitMs = 5_000

export const createFreshness = (db: Database['db']): Freshness => {
  const poll = createPoll((streams) => readableRevisions(db, streams))
  return {
    await: async (stream, minRevision, gone) => {
      if (minRevision === undefined) return
      const revision = await poll.until(stream, (revision = -1) => revision >= minRevision, limitMs, gone)
      if (revision !== undefined && revision >= minRevision) return
      throw problem(
        412,
        'revision/not_reached',
        `The read model has ${stream} up to revision ${revision ?? 'none'}, not ${minRevision}: ask again later`,
        [],
        { stream, revision: revision ?? null },
      )
    },
    stop: () => poll.stop(),
  }
}

/** The parameter that asks for it. */
export const freshnessParameter = {
  min_revision: {
    type: 'integer',
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'Waits up to 5 s until this revision of the stream can be read; else 412',
  },
} as const
