import { TaskFailure, type Task } from '@journey/agent'
import { createHash } from 'node:crypto'

/** @throws TaskFailure `agent/missing_input`, not retryable */
export const textIn = ({ input, intent }: Task, name: string): string => {
  const value = Object.hasOwn(input, name) ? input[name] : undefined
  if (typeof value === 'string' && value !== '') return value
  throw new TaskFailure('agent/missing_input', `${intent} needs ${name}, a text.`, { retryable: false })
}

/** @throws TaskFailure `agent/missing_input`, not retryable */
export const listIn = ({ input, intent }: Task, name: string): Task['input'][string][] => {
  const value = Object.hasOwn(input, name) ? input[name] : undefined
  if (Array.isArray(value)) return value
  throw new TaskFailure('agent/missing_input', `${intent} needs ${name}, a list.`, { retryable: false })
}

/** A number between 0 and 1, below 1, always the same for the same words and spread evenly over different ones. */
export const shareOf = (...words: string[]): number => digest(words).readUInt32BE() / 2 ** 32

/** An id such as `env-3f9a1c02b7`, always the same for the same words. */
export const idOf = (prefix: string, ...words: string[]): string => `${prefix}-${digest(words).toString('hex', 0, 5)}`

const digest = (words: readonly string[]): Buffer => createHash('sha256').update(JSON.stringify(words)).digest()
