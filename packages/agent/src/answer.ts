import { bodyLimit, type CommandData } from '@journey/contracts'
import { messageOf } from '@journey/runtime'
import { v5 } from 'uuid'
import type { Task } from './task.js'
import { TaskFailure } from './task-failure.js'

/** The command that tells what came of a task. */
export type Answer = { id: string } & (
  { type: 'task.complete'; data: CommandData<'task.complete'> } | { type: 'task.fail'; data: CommandData<'task.fail'> }
)

/** What a handler returns; nothing stands for `{}`. */
export type Output = CommandData<'task.complete'>['output']

/** The answer to a task that was done. An output that no command can carry makes it a failure, not retryable. */
export const completed = (task: Task, agentId: string, output: unknown): Answer => {
  const problem = problemWith(output)
  if (problem) return failed(task, agentId, problem)
  return {
    id: answerId(task),
    type: 'task.complete',
    data: { ...attemptOf(task), agent_id: agentId, output: (output ?? {}) as Output },
  }
}

/** The answer to a task whose handler threw. */
export const failed = (task: Task, agentId: string, error: unknown): Answer => {
  const known = error instanceof TaskFailure
  const message = messageOf(error).slice(0, 10_000)
  return {
    id: answerId(task),
    type: 'task.fail',
    data: {
      ...attemptOf(task),
      agent_id: agentId,
      code: known && error.code.trim() !== '' ? error.code.slice(0, 255) : 'agent/internal',
      ...(message.trim() !== '' && { message }),
      retryable: known ? error.retryable : true,
    },
  }
}

/** One attempt has one answer: the same id from whichever process it comes, so that only the first counts. */
const answerId = ({ work_id, task_id, attempt, token }: Task): string =>
  v5(JSON.stringify(['answer', work_id, task_id, attempt, token]), namespace)

/** Of this package alone; drawn once. */
const namespace = '3d0f4a0c-2c86-4a4b-8d0e-6a7f6a0d9b53'

const attemptOf = ({ work_id, task_id, attempt, token }: Task) => ({ work_id, task_id, attempt, token })

/** Leaves room for the rest of the command. */
const outputLimit = bodyLimit - 16 * 1024

const problemWith = (output: unknown): TaskFailure | undefined => {
  if (output === undefined || output === null) return undefined
  if (typeof output !== 'object' || Array.isArray(output))
    return unusable('agent/invalid_output', 'The handler must return an object, or nothing.')
  let size: number
  try {
    size = Buffer.byteLength(JSON.stringify(output))
  } catch (error) {
    return unusable('agent/invalid_output', `The output cannot be written as JSON: ${messageOf(error)}.`)
  }
  if (size <= outputLimit) return undefined
  return unusable(
    'agent/output_too_large',
    `The output has ${size} bytes, at most ${outputLimit} fit: return a reference to it.`,
  )
}

const unusable = (code: string, message: string): TaskFailure => new TaskFailure(code, message, { retryable: false })
