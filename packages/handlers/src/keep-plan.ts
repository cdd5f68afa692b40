import { taskMessageId } from '@journey/contracts'
import {
  cancelTimers,
  makeRoom,
  requestAdmissions,
  resolveTasks,
  setTimers,
  settleDispatches,
  storeDispatches,
  type Database,
} from '@journey/read-model'
import type { Plan } from './stage-process.js'

/** The timer of an attempt's deadline. */
export const timeoutTimerId = ({ workId, taskId, attempt }: Attempt): string => `timeout:${workId}:${taskId}:${attempt}`

/** The units of work whose end a plan tells. */
export const endedBy = (rooms: Plan['rooms']): string[] => rooms.flatMap(({ workId, ended }) => (ended ? [workId] : []))

/** Writes what is to be kept of a plan, within the caller's transaction: everything but the commands to be sent at once. Safe to repeat. */
export const keepPlan = async (
  transaction: Database['db'],
  { admissions, rooms, dispatches, settled, timers }: Plan,
): Promise<void> => {
  const ended = endedBy(rooms)
  await requestAdmissions(transaction, admissions)
  await storeDispatches(transaction, dispatches)
  await setTimers(transaction, timers)
  await makeRoom(transaction, rooms)
  await settleDispatches(transaction, { attempts: settled, workIds: ended })
  await resolveTasks(transaction, settled.map(idOfTask), 'saga-processor')
  await cancelTimers(transaction, { ids: settled.map(timeoutTimerId), workIds: ended })
}

type Attempt = { workId: string; taskId: string; attempt: number }

const idOfTask = ({ workId, taskId, attempt }: Attempt): string =>
  taskMessageId({ work_id: workId, task_id: taskId, attempt })
