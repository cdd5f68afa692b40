import type { Kysely } from 'kysely'
import { taskMessageId } from '@journey/contracts'
import {
  cancelTimers,
  makeRoom,
  requestAdmissions,
  resolveTasks,
  setTimers,
  settleDispatches,
  storeDispatches,
  type Tables,
} from '@journey/read-model'
import { timeoutTimerId } from './dispatcher.js'
import { service } from './envelope.js'
import type { Keep } from './stage-process.js'

export const createKeep =
  (db: Kysely<Tables>): Keep =>
  async ({ admissions, rooms, dispatches, settled, timers }) => {
    if (admissions.length + rooms.length + dispatches.length + settled.length + timers.length === 0) return
    const ended = rooms.filter((room) => room.ended).map(({ workId }) => workId)
    await db.transaction().execute(async (transaction) => {
      await requestAdmissions(transaction, admissions)
      await storeDispatches(transaction, dispatches)
      await setTimers(transaction, timers)
      await makeRoom(transaction, rooms)
      await settleDispatches(transaction, { attempts: settled, workIds: ended })
      await resolveTasks(transaction, settled.map(idOfTask), service)
      await cancelTimers(transaction, { ids: settled.map(timeoutTimerId), workIds: ended })
    })
  }

const idOfTask = ({ workId, taskId, attempt }: { workId: string; taskId: string; attempt: number }): string =>
  taskMessageId({ work_id: workId, task_id: taskId, attempt })
