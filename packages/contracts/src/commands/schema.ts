import { stages } from '@journey/domain'
import { targetConstructorToSchema } from 'class-validator-jsonschema'
import { agentIdPattern, clientIdPattern, intentPattern } from './fields.js'
import { commandKinds, type CommandType } from './registry.js'

/** A JSON Schema, in the part of the language that OpenAPI 3.0 shares. */
export type Schema = Readonly<Record<string, unknown>>

/** The schema of a command's `data`, made from its data class; `given` names fields that are known from elsewhere. */
export const dataSchema = (type: CommandType, given: readonly string[] = []): Schema => {
  const { properties = {}, required = [] } = targetConstructorToSchema(commandKinds[type].data, {
    additionalConverters,
  })
  const left = required.filter((field) => !given.includes(field))
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(Object.entries(properties).filter(([field]) => !given.includes(field))),
    ...(left.length > 0 && { required: left }),
  }
}

const additionalConverters: Converters = {
  client_id: { type: 'string', pattern: clientIdPattern.source, example: 'client-123' },
  agent_id: { type: 'string', pattern: agentIdPattern.source },
  intent: { type: 'string', pattern: intentPattern.source },
  text: { type: 'string', minLength: 1 },
  stage: { type: 'string', enum: [...stages] },
  object: { type: 'object' },
  user: { oneOf: [{ type: 'string' }, { type: 'object' }] },
}

type Converters = NonNullable<NonNullable<Parameters<typeof targetConstructorToSchema>[1]>['additionalConverters']>
