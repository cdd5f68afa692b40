import type { AnyRecorded } from '@journey/contracts'
import type { Message } from '@journey/messaging'
import { parkedStreamOf, rehearseApplying, type Database, type Rehearsed } from '@journey/read-model'
import type { ReadHeard } from './events.js'
import type { Foreseen } from './forecast.js'

type Options = { db: Database['db']; store: Parameters<typeof rehearseApplying>[1] }

/** Applies a parked stream from the event store, and takes it back. */
export const foreseeStream = async ({ db, store }: Options, stream: string): Promise<Foreseen> => {
  const applied = await rehearseApplying(db, store, { parked: stream })
  return putAside(applied, stream, 'again') ?? { ...written(applied), says: `It would be freed: ${told(applied)}` }
}

/** Applies an event message as the projector does, and takes it back. @throws malformed `event/…`, `json/…` */
export const foreseeApplying = async (
  { db, store, read }: Options & { read: ReadHeard<AnyRecorded> },
  message: Message,
): Promise<Foreseen> => {
  const event = await read(message)
  const applied = await rehearseApplying(db, store, { events: [event] })
  const aside = putAside(applied, event.stream, 'for it')
  if (aside) return aside
  if (applied.applied + applied.healed > 0)
    return { ...written(applied), says: `It would be applied: ${told(applied)}` }
  const isParked = (await parkedStreamOf(db, event.stream)) !== undefined
  return {
    outcome: 'nothing',
    says: isParked ? `${event.stream} is put aside: retry that` : 'It was applied before',
  }
}

const written = ({ tables }: Rehearsed) => ({ outcome: 'changes' as const, tables })

const told = ({ applied, healed, tables }: Rehearsed): string => {
  const rows = Object.entries(tables).map(([table, count]) => `${count} in ${table}`)
  return `${applied + healed} events, rows: ${rows.join(', ') || 'none'}`
}

const putAside = (applied: Rehearsed, stream: string, how: string): Foreseen | undefined => {
  const parked = applied.parkedNow.find((one) => one.stream === stream)
  if (!parked) return undefined
  const { first_revision, code, message } = parked
  return {
    outcome: 'fails',
    says: `${stream} would be put aside ${how} at revision ${first_revision}: ${message}`,
    error: { code, message, details: [] },
    tables: applied.tables,
  }
}
