import { commandKinds, sagaQueue, type CommandType } from '@journey/contracts'
import { journeyStream, unitOfWorkStream } from '@journey/domain'
import {
  nextEvaluations,
  openDispatchesOf,
  openLettersOf,
  parkedAmong,
  unfinishedWorksOf,
  waitingAdmissionsOf,
  type Database,
} from '@journey/read-model'
import type { Facts } from './waiting.js'

/** The orchestrator's own commands and agents' results: without them a journey stands still. What people ask for is their business. */
const moving = [
  ...Object.entries(commandKinds).flatMap(([type, { from }]) => (from === 'service' ? [type] : [])),
  ...(['task.complete', 'task.fail'] satisfies CommandType[]),
]

/** Reads what is known of why these clients' journeys wait. */
export const factsOf = async (db: Database['db'], clientIds: readonly string[]): Promise<Facts> => {
  const [works, dispatches, admissions, deadLetters, evaluations] = await Promise.all([
    unfinishedWorksOf(db, clientIds),
    openDispatchesOf(db, clientIds),
    waitingAdmissionsOf(db, clientIds),
    openLettersOf(db, clientIds, { queues: [sagaQueue], types: moving }),
    nextEvaluations(db, clientIds),
  ])
  const streams = [...clientIds.map(journeyStream), ...works.map(({ work_id }) => unitOfWorkStream(work_id))]
  const parked = await parkedAmong(db, streams)
  return { works, dispatches, admissions, parked, deadLetters, nextEvaluations: evaluations }
}
