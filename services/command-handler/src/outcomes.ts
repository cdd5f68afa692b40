import type { Kysely } from 'kysely'
import type { Outcomes } from '@journey/handlers'
import { claim, settleAll, type Tables } from '@journey/read-model'
import { inBatches } from '@journey/runtime'

/**
 * The table of outcomes, written in batches: one statement for all that is claimed, and one for all that is settled, at the
 * same moment.
 *
 * @param claimedBy shown with a claim: who works on it
 */
export const createOutcomes = (
  db: Kysely<Tables>,
  { most, claimedBy }: { most: number; claimedBy: string },
): Outcomes => ({
  claim: inBatches({ most, keyOf: ({ commandId }) => commandId }, (claims) =>
    claim(
      db,
      claims.map((one) => ({ ...one, claimedBy })),
    ),
  ),
  settle: inBatches({ most, keyOf: ({ command_id }) => command_id }, (answers) => settleAll(db, answers)),
})
