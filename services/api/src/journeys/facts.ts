import { journeyStream, unitOfWorkStream } from '@journey/domain'
import {
  nextEvaluations,
  openDispatchesOf,
  parkedAmong,
  unfinishedWorksOf,
  waitingAdmissionsOf,
  type Database,
} from '@journey/read-model'
import type { Facts } from './waiting.js'

/** Reads what is known of why these clients' journeys wait. */
export const factsOf = async (db: Database['db'], clientIds: readonly string[]): Promise<Facts> => {
  const [works, dispatches, admissions, evaluations] = await Promise.all([
    unfinishedWorksOf(db, clientIds),
    openDispatchesOf(db, clientIds),
    waitingAdmissionsOf(db, clientIds),
    nextEvaluations(db, clientIds),
  ])
  const streams = [...clientIds.map(journeyStream), ...works.map(({ work_id }) => unitOfWorkStream(work_id))]
  return { works, dispatches, admissions, parked: await parkedAmong(db, streams), nextEvaluations: evaluations }
}
