import type { Kysely } from 'kysely'
import type { Outcomes } from '@journey/handlers'
import { areHeld, claim, settleAll, type Tables } from '@journey/read-model'
import { inBatches } from '@journey/runtime'

/**
 * The table of outcomes, written in batches: one statement for all that is claimed, one for all claims that are looked after,
 * and one for all that is settled, at the same moment.
 *
 * @param claimedBy shown with a claim: who works on it. No two processes may ever have the same, since claims are told apart by it.
 */
export const createOutcomes = (
  db: Kysely<Tables>,
  { most, claimedBy }: { most: number; claimedBy: string },
): Outcomes => {
  let claims = 0
  return {
    claim: inBatches({ most, keyOf: ({ commandId }) => commandId }, (asked) =>
      claim(
        db,
        asked.map((one) => ({ ...one, claimedBy: `${claimedBy}:${(claims += 1)}` })),
      ),
    ),
    isHeld: inBatches({ most, keyOf: ({ commandId }) => commandId }, (asked) => areHeld(db, asked)),
    settle: inBatches({ most, keyOf: ({ command_id }) => command_id }, (answers) => settleAll(db, answers)),
  }
}
