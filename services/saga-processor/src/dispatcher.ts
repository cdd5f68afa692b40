import type { Kysely } from 'kysely'
import { derivedId, later } from '@journey/domain'
import { agentKey, exchanges, taskMessageId, type TaskMessage } from '@journey/contracts'
import { routeOf, timeoutTimerId, type Directory } from '@journey/handlers'
import type { Publisher } from '@journey/messaging'
import {
  dispatchWaiting,
  setTimers,
  type Dispatched,
  type Published,
  type Tables,
  type Timer,
  type WaitingDispatch,
} from '@journey/read-model'
import type { Part } from '@journey/runtime'
import { createLoop, type Loop } from './loop.js'
import type { SagaMeters } from './meters.js'
import type { Log } from '@journey/runtime'

const atOnce = 100
/** How often waiting tasks look whether an agent has come; new ones are dispatched at once. */
const lookEveryMs = 1_000

/**
 * Gives tasks to agents: publishes every stored intent to the queue of an agent or of all that offer it, and sets the timer
 * of its deadline in the transaction that writes the publishing down. A crash between publishes it again under the same
 * message id.
 */
export const createDispatcher = ({
  db,
  publisher,
  directory,
  prepare,
  now,
  meters,
  log,
}: {
  db: Kysely<Tables>
  publisher: Publisher
  directory: Directory
  /** Makes sure that a queue takes the task. */
  prepare: (route: { intent: string } | { agentId: string }) => Promise<void>
  now: () => Date
  meters: SagaMeters
  log: Log
}): Part & Pick<Loop, 'wake'> => {
  const publish = async (dispatch: WaitingDispatch): Promise<Dispatched> => {
    const route = routeOf(dispatch, await directory.offering(dispatch.intent))
    if (route.to === 'nobody') return { waitsFor: route.waitsFor }
    const agentId = route.to === 'agent' ? route.agentId : null
    await prepare(agentId === null ? { intent: dispatch.intent } : { agentId })
    const at = now().toISOString()
    const deadline = later(at, dispatch.timeoutMs)
    const task = taskOf(dispatch, agentId, deadline)
    await publisher.publish(
      exchanges.tasks.name,
      agentId === null ? dispatch.intent : agentKey(agentId),
      Buffer.from(JSON.stringify(task)),
      {
        messageId: taskMessageId(task),
        correlationId: dispatch.correlationId,
        type: dispatch.intent,
        expiration: String(dispatch.timeoutMs),
      },
    )
    meters.dispatched.inc({ intent: dispatch.intent })
    return { publishedTo: agentId, at, deadline }
  }

  const loop = createLoop({
    name: 'dispatcher',
    everyMs: lookEveryMs,
    log,
    turn: async () => {
      const published = await dispatchWaiting(db, atOnce, publish, (transaction, dispatches) =>
        setTimers(transaction, dispatches.map(timeoutOf)),
      )
      return published === atOnce ? 'again' : undefined
    },
  })
  return loop
}

const timeoutOf = ({ dispatch: { workId, taskId, attempt, correlationId }, deadline }: Published): Timer => ({
  timerId: timeoutTimerId({ workId, taskId, attempt }),
  kind: 'task_timeout',
  dueAt: deadline,
  workId,
  command: {
    id: derivedId('timeout', workId, taskId, attempt),
    type: 'task.time_out',
    data: { work_id: workId, task_id: taskId, attempt },
    correlationId,
    causationId: taskMessageId({ work_id: workId, task_id: taskId, attempt }),
  },
})

const taskOf = (
  { workId, taskId, attempt, token, intent, clientId, stage, input, parameters }: WaitingDispatch,
  agentId: string | null,
  deadline: string,
): TaskMessage => ({
  work_id: workId,
  task_id: taskId,
  attempt,
  token,
  idempotency_key: `${workId}:${taskId}`,
  intent,
  client_id: clientId,
  stage,
  deadline,
  input,
  parameters,
  source_agent: { agent_id: 'journey-orchestrator' },
  target_agent: agentId === null ? null : { agent_id: agentId },
})
