import type { Kysely } from 'kysely'
import { endedBy, keepPlan, type Keep, type Plan } from '@journey/handlers'
import type { Tables } from '@journey/read-model'
import { inBatches } from '@journey/runtime'

/** @param most how many plans share a transaction when they come at the same time */
export const createKeep = (db: Kysely<Tables>, most: number): Keep => {
  const keep = inBatches<Plan>({ most }, async (plans) => {
    await db.transaction().execute(async (transaction) => {
      for (const plan of together(plans)) await keepPlan(transaction, plan)
    })
    return []
  })
  return async (plan) => {
    if (hasRows(plan)) await keep(plan)
  }
}

const hasRows = ({ admissions, rooms, dispatches, settled, timers }: Plan): boolean =>
  admissions.length + rooms.length + dispatches.length + settled.length + timers.length > 0

/**
 * Puts plans together, so that each kind of row takes one statement. What a plan begins is written before what another ends:
 * so one that goes on with a unit of work that an earlier one ended (a retry by hand) opens another whole.
 */
export const together = (plans: readonly Plan[]): Plan[] => {
  const wholes: Plan[] = []
  let ended = new Set<string | null>()
  for (const plan of plans) {
    const last = wholes.at(-1)
    const goesOn = [...plan.dispatches, ...plan.timers].some(({ workId }) => ended.has(workId))
    if (last && !goesOn) wholes.splice(-1, 1, both(last, plan))
    else {
      wholes.push(plan)
      ended = new Set()
    }
    for (const workId of endedBy(plan.rooms)) ended.add(workId)
  }
  return wholes
}

const both = (one: Plan, other: Plan): Plan => ({
  sends: [...one.sends, ...other.sends],
  admissions: [...one.admissions, ...other.admissions],
  rooms: [...one.rooms, ...other.rooms],
  dispatches: [...one.dispatches, ...other.dispatches],
  settled: [...one.settled, ...other.settled],
  timers: [...one.timers, ...other.timers],
})
