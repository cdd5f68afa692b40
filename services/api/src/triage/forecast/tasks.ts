import type { TaskMessage } from '@journey/contracts'
import { unitOfWorkStream, type UnitOfWork } from '@journey/domain'
import type { Repository } from '@journey/event-store'
import type { Message } from '@journey/messaging'
import type { LiveAgent } from '@journey/read-model'
import type { Foreseen } from './forecast.js'

/** Looks whether the attempt is still open, and who is there to take it: what agents do with it nobody here can tell. */
export const foreseeTask = async (
  { works, liveAgents }: { works: Repository<UnitOfWork.State>; liveAgents: () => Promise<LiveAgent[]> },
  message: Message,
): Promise<Foreseen> => {
  const task = taskIn(message.body)
  if (!task)
    return {
      outcome: 'fails',
      says: 'It is no task that an agent could read: it lacks work_id, task_id, attempt or token',
      error: { code: 'task/invalid', message: 'The task lacks what every task has', details: [] },
    }
  const { work_id, task_id, attempt, intent } = task
  const addressed = message.queue.startsWith('agent.') ? message.queue.slice('agent.'.length) : undefined
  const agents = (await liveAgents())
    .filter(({ agentId, intents }) => (addressed === undefined ? intents.includes(intent) : agentId === addressed))
    .map(({ agentId }) => agentId)
  const tasks = [{ work_id, task_id, attempt, intent, agents, known: true }]
  const standing = standingOf((await works.load(unitOfWorkStream(work_id))).state, task)
  const sent = `It would be published to ${message.queue} again`
  if (standing !== 'open') return { outcome: 'nothing', says: `${sent}, for nothing: ${standing}`, tasks }
  if (agents.length === 0) {
    const missing =
      addressed === undefined ? `no agent that offers ${intent} is alive` : `the agent ${addressed} is not alive`
    return { outcome: 'waits', says: `${sent}, and wait there: ${missing}`, tasks }
  }
  return { outcome: 'changes', says: `${sent}; alive to take it: ${agents.join(', ')}`, tasks }
}

type Task = Pick<TaskMessage, 'work_id' | 'task_id' | 'attempt' | 'token' | 'intent'>

const taskIn = (body: Buffer): Task | undefined => {
  try {
    const task = JSON.parse(body.toString()) as Partial<Task> | null
    const { work_id, task_id, attempt, token, intent } = task ?? {}
    return [work_id, task_id, token, intent].every((one) => typeof one === 'string') && Number.isInteger(attempt)
      ? (task as Task)
      : undefined
  } catch {
    return undefined
  }
}

/** `open`, or why a result of this attempt would not be applied. */
const standingOf = (state: UnitOfWork.State, { work_id, task_id, attempt, token }: Task): string => {
  if (state.status === 'none') return `there is no unit of work ${work_id}`
  const task = Object.hasOwn(state.tasks, task_id) ? state.tasks[task_id] : undefined
  if (!task) return `the unit of work has no task ${task_id}`
  const last = task.attempts.at(-1)
  if (state.status !== 'in_progress') return `the unit of work is ${state.status}`
  if (task.status !== 'running') return `the task is ${task.status}; a result would be recorded as late`
  if (last?.attempt !== attempt || last.token !== token)
    return `attempt ${last?.attempt ?? 0} is the one that counts; a result would be recorded as late`
  return 'open'
}
