import { ownBodyLimit, readJson, taskMessageId, type TaskMessage } from '@journey/contracts'
import { malformed, type Detail } from '@journey/runtime'

/** What an agent is given to do (CONTRACT.md, Tasks). */
export type Task = TaskMessage

/** Equal for every delivery of one attempt, whoever published it. */
export const deliveryKeyOf = (task: Task): string => `${taskMessageId(task)}:${task.token}`

/**
 * Reads a task off the bus. Fields that are not known here are let be: a newer orchestrator may send more.
 *
 * @throws malformed `json/…`, `task/not_an_object`, or `task/invalid` naming every field that is wrong
 */
export const readTask = (body: Uint8Array): Task => {
  const value = readJson(body, ownBodyLimit)
  if (!isObject(value))
    throw malformed('task/not_an_object', 'A task is a JSON object with work_id, task_id and intent')
  const problems = Object.entries(fields).flatMap(([field, { is, says }]): Detail[] =>
    is(Object.hasOwn(value, field) ? value[field] : undefined)
      ? []
      : [{ field, code: 'invalid', message: `${field} must be ${says}` }],
  )
  if (problems.length > 0)
    throw malformed(
      'task/invalid',
      `The task is not valid: ${problems.map(({ message }) => message).join('; ')}`,
      problems,
    )
  return { parameters: {}, target_agent: null, ...value } as Task
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown): boolean => typeof value === 'string' && value.length > 0 && value.length <= 1000
const isMoment = (value: unknown): boolean => typeof value === 'string' && !Number.isNaN(Date.parse(value))

const text = { is: isText, says: 'a text of 1 to 1000 characters' }
const object = { is: isObject, says: 'an object' }
const optional = ({ is, says }: Rule): Rule => ({ is: (value) => value === undefined || is(value), says })

type Rule = { is: (value: unknown) => boolean; says: string }

const fields: Record<string, Rule> = {
  work_id: text,
  task_id: text,
  attempt: { is: (value) => Number.isSafeInteger(value) && (value as number) >= 1, says: 'a whole number from 1' },
  token: text,
  idempotency_key: text,
  intent: text,
  client_id: text,
  stage: text,
  deadline: { is: isMoment, says: 'a moment in ISO 8601' },
  input: object,
  parameters: optional(object),
}
