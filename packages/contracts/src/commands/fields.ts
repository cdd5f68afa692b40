import { buildMessage, ValidateBy, type ValidationOptions } from 'class-validator'
import { stages } from '@journey/domain'

/** What a client's id looks like: 1 to 255 of `A-Z a-z 0-9 . _ -`, a letter or digit first. */
export const clientIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/
/**
 * As a client's id, at most 200 characters; `events` is reserved for the queue of that name, and so are endings that would make the name of
 * one agent's queue that of another queue's dead letters, waiting messages or migration.
 */
export const agentIdPattern = /^(?!events$)(?!.*\.(dlq|migrating|retry\.[0-9]+[smh])$)[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/
export const intentPattern = /^[a-z0-9_]{1,100}$/

const rule = (
  name: string,
  validate: (value: unknown) => boolean,
  says: string,
  options?: ValidationOptions,
): PropertyDecorator =>
  ValidateBy(
    { name, validator: { validate, defaultMessage: buildMessage((each) => `${each}$property ${says}`, options) } },
    options,
  )

const matches = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value)

export const IsClientId = (): PropertyDecorator =>
  rule('client_id', matches(clientIdPattern), 'must be 1 to 255 of A-Z a-z 0-9 . _ - and begin with a letter or digit')

export const IsAgentId = (): PropertyDecorator =>
  rule(
    'agent_id',
    matches(agentIdPattern),
    'must be 1 to 200 of A-Z a-z 0-9 . _ -, begin with a letter or digit, not be "events", and not end in .dlq, .migrating or .retry.<delay>',
  )

export const IsIntent = (options?: ValidationOptions): PropertyDecorator =>
  rule('intent', matches(intentPattern), 'must be 1 to 100 of a-z 0-9 _', options)

/** A string of 1 to `most` characters. */
export const IsText = (most: number, options?: ValidationOptions): PropertyDecorator =>
  rule(
    'text',
    (value) => typeof value === 'string' && value.trim().length > 0 && value.length <= most,
    `must be a text of 1 to ${most} characters`,
    options,
  )

export const IsStage = (): PropertyDecorator =>
  rule('stage', (value) => (stages as readonly unknown[]).includes(value), `must be one of ${stages.join(', ')}`)

/** A JSON object: no list, no null. */
export const IsPlainObject = (): PropertyDecorator =>
  rule('object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'must be an object')

/** A user as the client names it: a text, or an object with whatever the client keeps of a user. */
export const IsUser = (options?: ValidationOptions): PropertyDecorator =>
  rule(
    'user',
    (value) =>
      (typeof value === 'string' && value.length > 0 && value.length <= 320) ||
      (typeof value === 'object' && value !== null && !Array.isArray(value)),
    'must be a text of 1 to 320 characters or an object',
    options,
  )
