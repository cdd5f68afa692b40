import { createHash } from 'node:crypto'
import type { Actor, JsonObject } from '@journey/domain'
import { malformed, type Detail } from '@journey/runtime'
import { bodyLimit, canonicalJson, isStorable, ownBodyLimit, readJson } from './json.js'
import { commandKinds, isCommandType, type CommandType, type DomainCommand } from './registry.js'
import { problemsWith } from './validate.js'

/** A command as it goes over the bus (CONTRACT.md section 1). */
export type CommandEnvelope = {
  command_id: string
  command_type: CommandType
  command_version: string
  timestamp: string
  source: string
  data: JsonObject
  metadata: JsonObject
}

/** What of an AMQP message a command is read from. */
export type Incoming = {
  body: Uint8Array
  routingKey: string
  messageId?: string | undefined
  headers: Readonly<Record<string, unknown>>
}

/** A command that was read and found valid. `digest` is equal for equal type and data, whatever else the envelope says. */
export type ReadCommand = {
  commandId: string
  command: DomainCommand
  digest: string
  source: string
  actor: Actor
  correlationId: string
  causationId: string | undefined
  /** When its sender says that it was sent. */
  sentAt: string | undefined
  metadata: JsonObject
}

/** The name of the header that may carry the idempotency key. */
export const idempotencyHeader = 'idempotency-key'

/**
 * Reads a command off the bus. The id is the body's `command_id`, else the `message_id` property, else the header
 * `idempotency-key`; the type is the body's, else the routing key's.
 *
 * @throws malformed `command/…` or `json/…`, naming every field that is wrong at once; `command/unsupported_version` for a
 *   major version other than 1
 */
export const readCommand = (incoming: Incoming): ReadCommand => {
  const body = readJson(incoming.body, isOwn(incoming.routingKey) ? ownBodyLimit : bodyLimit)
  if (!isObject(body)) throw malformed('command/not_an_object', 'A command is a JSON object with command_id and data')
  const problems: Detail[] = []
  const wrong = (field: string, code: string, message: string) => void problems.push({ field, code, message })

  for (const field of Object.keys(body))
    if (!envelopeFields.includes(field)) wrong(field, 'unknown_field', `${field} is not a field of a command`)
  const version = body.command_version ?? '1.0'
  if (typeof version !== 'string' || !/^\d{1,9}\.\d{1,9}$/.test(version))
    wrong('command_version', 'version', 'command_version must look like "1.0"')
  else if (!version.startsWith('1.'))
    throw malformed('command/unsupported_version', `Version ${version} of commands is not known here; 1.x is`)
  if (body.timestamp !== undefined && !isTimestamp(body.timestamp))
    wrong('timestamp', 'timestamp', 'timestamp must be ISO 8601')
  if (body.source !== undefined && !isText(body.source, 255))
    wrong('source', 'text', 'source must be a text of 1 to 255 characters')
  if (body.metadata !== undefined && !isObject(body.metadata)) wrong('metadata', 'object', 'metadata must be an object')

  const id = body.command_id ?? incoming.messageId ?? incoming.headers[idempotencyHeader]
  if (id === undefined)
    wrong(
      'command_id',
      'missing',
      'a command needs a command_id (or the message_id property, or the header idempotency-key)',
    )
  else if (!isCommandId(id)) wrong('command_id', 'command_id', 'command_id must be a text of 1 to 128 bytes')

  const type = typeOf(body.command_type, incoming.routingKey, wrong)
  const data = body.data ?? {}
  if (!isObject(data)) wrong('data', 'object', 'data must be an object')
  else if (type)
    for (const problem of problemsWith(commandKinds[type].data, data))
      wrong(`data.${problem.field}`, problem.code, problem.message)

  if (problems.length > 0 || !type || !isObject(data))
    throw malformed(
      problems.some(({ code }) => code === 'unknown_type') ? 'command/unknown_type' : 'command/invalid',
      `The command is not valid: ${problems.map(({ message }) => message).join('; ')}`,
      problems,
    )
  const metadata = isObject(body.metadata) ? body.metadata : {}
  const source = typeof body.source === 'string' ? body.source : 'unknown'
  return {
    commandId: id as string,
    command: withDefaults(type, data),
    digest: digestOf(type, data),
    source,
    actor: actorOf(metadata.actor, source),
    correlationId: isText(metadata.correlation_id, 255) ? metadata.correlation_id : (id as string),
    causationId: isText(metadata.causation_id, 255) ? metadata.causation_id : undefined,
    sentAt: typeof body.timestamp === 'string' ? body.timestamp : undefined,
    metadata,
  }
}

/** By its routing key, since the body is not read yet. */
const isOwn = (type: string): boolean => isCommandType(type) && commandKinds[type].from === 'service'

/** The id of a message that may not be readable as a command; undefined when nothing names one. */
export const readableCommandId = (incoming: Incoming): string | undefined => {
  let named: unknown
  try {
    // Read as it comes: what makes the command malformed elsewhere does not make its id unreadable.
    const body: unknown = JSON.parse(Buffer.from(incoming.body).toString('utf8'))
    named = isObject(body) ? body.command_id : undefined
  } catch {
    named = undefined // no JSON at all
  }
  return [named, incoming.messageId, incoming.headers[idempotencyHeader]].find(isCommandId)
}

/** Two commands with one key are the same when this is: SHA-256 over type and data, in canonical form, hexadecimal. */
export const digestOf = (type: CommandType, data: JsonObject): string =>
  createHash('sha256')
    .update(canonicalJson([type, data]))
    .digest('hex')

/** Data as the domain takes it: what was left out stands at its default. */
export const withDefaults = (type: CommandType, data: JsonObject): DomainCommand => {
  const { defaults } = commandKinds[type] as unknown as { defaults?: (data: JsonObject) => object }
  const given = Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null))
  return { type, data: { ...defaults?.(data), ...given } } as DomainCommand
}

export const isCommandId = (id: unknown): id is string =>
  typeof id === 'string' && id.length > 0 && Buffer.byteLength(id) <= 128 && isStorable(id)

const envelopeFields = ['command_id', 'command_type', 'command_version', 'timestamp', 'source', 'data', 'metadata']

const typeOf = (
  named: unknown,
  routingKey: string,
  wrong: (field: string, code: string, message: string) => void,
): CommandType | undefined => {
  if (named !== undefined && typeof named !== 'string') {
    wrong('command_type', 'text', 'command_type must be a text')
    return
  }
  if (named !== undefined && routingKey !== '' && named !== routingKey) {
    wrong('command_type', 'differs', `command_type says ${named.slice(0, 100)}, the routing key ${routingKey}`)
    return
  }
  const type = named ?? routingKey
  if (isCommandType(type)) return type
  wrong('command_type', 'unknown_type', `${type.slice(0, 100) || 'no type'} is not a command type: see docs/bus.md`)
  return
}

const actorOf = (actor: unknown, source: string): Actor =>
  isObject(actor) && isText(actor.id, 255)
    ? { type: isText(actor.type, 50) ? actor.type : 'user', id: actor.id }
    : { type: 'unknown', id: source }

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown, most: number): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= most
const isTimestamp = (value: unknown): boolean =>
  typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(value) && !Number.isNaN(Date.parse(value))
