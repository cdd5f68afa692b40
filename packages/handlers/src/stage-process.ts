import { Process } from '@journey/domain'
import type { HeardEvent, Recorded } from '@journey/contracts'
import { derivedId } from '@journey/domain'
import type { Handler } from '@journey/messaging'
import type { Admission, Dispatch, TimedCommand, Timer } from '@journey/read-model'
import type { Log } from '@journey/runtime'
import type { Gather } from './gather.js'

/** What an event leads to, sorted by where it goes. */
export type Plan = {
  sends: TimedCommand[]
  admissions: Admission[]
  rooms: { workId: string; clientId: string; ended: boolean }[]
  dispatches: Dispatch[]
  settled: { workId: string; taskId: string; attempt: number }[]
  timers: Timer[]
}

/** Sends a command of ours; resolves once the broker has it safe. Repeating it under its id is harmless. */
export type Send = (command: TimedCommand) => Promise<void>

/** Keeps what is to be done, all in one transaction; safe to repeat. */
export type Keep = (plan: Plan) => Promise<void>

/**
 * The stage process: turns each event into the next commands, tasks and timers. What is to be done is kept first, commands
 * are sent after that, and the event is acknowledged when all of it is safe; a crash between repeats it under the same ids.
 */
export const createStageProcess =
  ({
    read,
    gather,
    keep,
    send,
    wake,
    agentChanged,
  }: {
    /** Reads the event, so that nobody but our relay can tell one. @throws malformed `event/…`, `json/…` */
    read: (message: HeardEvent) => Promise<Recorded>
    gather: Gather
    keep: Keep
    send: Send
    wake: (plan: Plan) => void
    agentChanged: (event: Recorded) => Promise<void>
  }): Handler =>
  async (message) => {
    // Only our relay says in which stream an event stands; what others tell of agents is the recorder's.
    if (message.routingKey.startsWith('agent.') && message.properties.headers.stream === undefined) return
    const recorded = await read(message)
    const { event, stream, revision } = recorded
    if (event.type === 'AgentCreated' || event.type === 'AgentUpdated') return agentChanged(recorded)
    const happened: Process.Happened = { id: recorded.id, at: recorded.at, event }
    if (event.type === 'ExitCriteriaEvaluated' && event.data.verdict !== 'pass') tellFailures(event.data, message.log)
    const plan = planOf(Process.react(happened, await gather({ event, stream, revision })), recorded)
    if (isEmpty(plan)) return
    await keep(plan)
    await Promise.all(plan.sends.map(send))
    wake(plan)
    message.log.debug(
      {
        event: event.type,
        stream,
        revision,
        commands: plan.sends.map(({ type }) => type),
      },
      'reacted',
    )
  }

/** Steps as rows and messages, each with ids that follow from the event. */
export const planOf = (
  steps: readonly Process.Step[],
  { id, correlationId }: Pick<Recorded, 'id' | 'correlationId'>,
): Plan => {
  const plan: Plan = { sends: [], admissions: [], rooms: [], dispatches: [], settled: [], timers: [] }
  const timed = (commandId: string, { type, data }: Process.Command): TimedCommand => ({
    id: commandId,
    type,
    data: data,
    correlationId,
    causationId: id,
  })
  for (const step of steps)
    switch (step.do) {
      case 'send':
        plan.sends.push(timed(step.id, step.command))
        break
      case 'admit': {
        const { work_id, client_id, kind } = step.creation
        const command = timed(derivedId('create', work_id), { type: 'unit_of_work.create', data: step.creation })
        plan.admissions.push({ workId: work_id, clientId: client_id, kind, command })
        break
      }
      case 'make_room':
        plan.rooms.push({ workId: step.work_id, clientId: step.client_id, ended: step.ended })
        break
      case 'dispatch': {
        const {
          work_id,
          task_id,
          attempt,
          client_id,
          stage,
          intent,
          target_agent,
          failed_agent,
          token,
          timeout_ms,
          input,
        } = step.task
        plan.dispatches.push({
          workId: work_id,
          taskId: task_id,
          attempt,
          clientId: client_id,
          stage,
          intent,
          targetAgent: target_agent,
          failedAgent: failed_agent,
          token,
          timeoutMs: timeout_ms,
          input,
          correlationId,
        })
        break
      }
      case 'settle':
        plan.settled.push({ workId: step.work_id, taskId: step.task_id, attempt: step.attempt })
        break
      case 'set_timer':
        plan.timers.push({
          timerId: step.id,
          kind: step.kind,
          dueAt: step.due_at,
          workId: step.work_id,
          command: timed(derivedId('timer', id, step.id), step.command),
        })
        break
    }
  return plan
}

/** UC-2 of DDD-002: a gate that is not passed is told with each check that failed. */
const tellFailures = (
  {
    client_id,
    stage,
    verdict,
    exit_criteria_details,
  }: Extract<Process.Event, { type: 'ExitCriteriaEvaluated' }>['data'],
  log: Log,
): void => {
  const failing = exit_criteria_details
    .filter(({ passed }) => !passed)
    .map(({ check_id, message }) => ({ check_id, message }))
  log.info({ client_id, stage, verdict, failing }, 'the exit criteria are not passed')
}

const isEmpty = (plan: Plan): boolean => Object.values(plan).every(({ length }) => length === 0)
