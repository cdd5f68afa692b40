import type { Kysely, Transaction } from 'kysely'
import type { AnyRecorded } from '@journey/contracts'
import { lockGates, moveGates } from '../gates/gates.js'
import { unpark } from '../gates/parked.js'
import type { Tables } from '../tables.js'
import { ofFamily } from './families.js'
import { fold, nothing, type Existing, type Rows } from './fold.js'
import { writeRows } from './project.js'

/**
 * Makes all rows of one stream anew from its first event on, in place, and its gate with them; what it has of other streams
 * stays as it is. One transaction: readers see the old rows or the new ones. Live events of the stream wait meanwhile.
 *
 * @param read the whole stream, in order, a part at a time, of which no more than one is held; called once the stream is locked
 * @returns how many events it has; with none, nothing is touched
 */
export const reproject = (
  db: Kysely<Tables>,
  consumer: string,
  stream: string,
  read: () => AsyncIterable<readonly AnyRecorded[]>,
): Promise<number> =>
  db.transaction().execute(async (transaction) => {
    await lockGates(transaction, consumer, [stream])
    let existing = nothing
    let last: AnyRecorded | undefined
    let count = 0
    for await (const events of read()) {
      if (events.length === 0) continue
      if (!last) await removeRows(transaction, stream, events[0]!)
      const { rows } = fold(existing, events)
      await writeRows(transaction, rows)
      existing = after(existing, rows)
      last = events.at(-1)!
      count += events.length
    }
    if (!last) return 0
    await moveGates(transaction, consumer, new Map([[stream, last.revision]]))
    await unpark(transaction, consumer, [stream])
    return count
  })

/** What the next part of the stream goes on from: one row for a stream of ours, those of the agents it tells of for one of others. */
const after = ({ journeys, works, agents }: Existing, rows: Rows): Existing => ({
  journeys: new Map([...journeys, ...rows.journey_states.map((row) => [row.client_id, row] as const)]),
  works: new Map([...works, ...rows.unit_of_works.map((row) => [row.work_id, row] as const)]),
  agents: new Map([...agents, ...rows.agents.map((row) => [row.agent_id, row] as const)]),
})

/** The rows that are added, event by event; those that are one for a stream are written over. */
const removeRows = async (transaction: Transaction<Tables>, stream: string, first: AnyRecorded): Promise<void> => {
  await transaction.deleteFrom('journey_events').where('stream', '=', stream).execute()
  const { family, recorded } = ofFamily(first)
  if (family === 'journey') {
    const { client_id } = recorded.event.data
    await transaction.deleteFrom('stage_transitions').where('client_id', '=', client_id).execute()
    await transaction.deleteFrom('exit_criteria_results').where('client_id', '=', client_id).execute()
  } else if (family === 'work') {
    await transaction.deleteFrom('approvals').where('work_id', '=', recorded.event.data.work_id).execute()
  } else if (family === 'received') {
    for (const table of ['received_events', 'knowledge_shares', 'patterns', 'notifications'] as const)
      await transaction.deleteFrom(table).where('stream', '=', stream).execute()
  }
}
