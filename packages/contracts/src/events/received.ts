import { createHash } from 'node:crypto'
import { malformed, type Detail } from '@journey/runtime'
import type { JsonObject } from '@journey/domain'
import { Ajv } from 'ajv'
import { canonicalJson, readJson } from '../commands/json.js'
import type { Schema } from '../commands/schema.js'
import { receivedFamilies, type ReceivedFamily } from '../topology.js'
import { firstVersion, isSameMajor } from './upcast.js'

/** The stored type of every event that others published; what they called it stands in its data. */
export const receivedType = 'ReceivedEvent'

/** An event of others as it came, and what is needed to record it once. */
export type ReceivedEvent = {
  family: ReceivedFamily
  /** `received-<family>` */
  stream: string
  id: string
  type: string
  /** Of the whole envelope, whatever the order of its fields: SHA-256, hexadecimal. */
  digest: string
  envelope: JsonObject
  version: string
  timestamp: string
  correlationId: string
  causationId: string
  /** The place in our streams that the event says it has; only our own relay sets it. */
  claimed: { stream: string; revision: number } | undefined
}

const text: Schema = { type: 'string', minLength: 1, maxLength: 255 }
const textOrNull: Schema = { ...text, type: ['string', 'null'] }
const object = (properties: Record<string, Schema>): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
})

/** JSON Schema (draft 07) of the whole body of an event of others, of whatever type. */
export const receivedEnvelope = {
  type: 'object',
  properties: {
    event_id: { type: 'string', minLength: 1, maxLength: 128 },
    event_type: { type: 'string', pattern: '^[a-z][a-z0-9_]*\\.[a-z][a-z0-9_]*$', maxLength: 100 },
    event_version: { type: 'string', pattern: '^[0-9]{1,9}\\.[0-9]{1,9}$' },
    timestamp: {
      type: 'string',
      pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$',
    },
    source: text,
    data: { type: 'object' },
    metadata: {
      type: 'object',
      properties: { correlation_id: text, causation_id: text },
      required: ['correlation_id'],
    },
  },
  required: ['event_id', 'event_type', 'event_version', 'timestamp', 'source', 'data', 'metadata'],
} satisfies Schema

/**
 * JSON Schemas (draft 07) of the `data` of what others publish, by bus type. Further fields are let be. A type of a known family
 * that is not here needs no more than the envelope.
 */
export const receivedSchemas: Readonly<Record<string, Schema>> = {
  'agent.created': object({ agent_id: text, type: text, cognitive_pattern: textOrNull, created_by: text }),
  'knowledge.shared': object({
    knowledge_id: text,
    source_agent_id: text,
    target_agent_ids: { type: 'array', items: text, minItems: 1 },
    domain: text,
  }),
  'pattern.learned': { type: 'object' },
}

const ajv = new Ajv({ allErrors: false })
const isEnvelope = ajv.compile(receivedEnvelope)
const isData = new Map(Object.entries(receivedSchemas).map(([type, schema]) => [type, ajv.compile(schema)]))

/** Whether a stream holds what others published. */
export const isReceivedStream = (stream: string): boolean => stream.startsWith('received-')

/**
 * Reads an event that others published.
 *
 * @param family that of the queue it came by; its type has to be of it
 * @throws malformed `event/invalid`, `event/unsupported_version` or `json/…`
 */
export const readReceived = (body: Uint8Array, family: ReceivedFamily): ReceivedEvent => {
  const read = readJson(body)
  if (!isEnvelope(read)) throw invalid(isEnvelope.errors?.[0], '')
  const envelope = read as JsonObject & {
    event_id: string
    event_type: string
    event_version: string
    timestamp: string
    metadata: { correlation_id: string; causation_id?: string; stream?: unknown; revision?: unknown }
  }
  const { event_id: id, event_type: type, event_version: version, timestamp, metadata } = envelope
  const spoken = receivedFamilies.find((one) => type.startsWith(`${one}.`))
  if (spoken !== family)
    throw malformed('event/invalid', `${type} came by the queue of ${family} events; publish it under its own type`)
  if (!isMoment(timestamp))
    throw malformed('event/invalid', `timestamp ${timestamp} is no moment; give ISO 8601 with a time zone`)
  if (!isSameMajor(version, firstVersion))
    throw malformed('event/unsupported_version', `${type} ${version} is not known here; ${firstVersion} is`)
  const { stream, revision } = metadata
  const claimed =
    typeof stream === 'string' && Number.isSafeInteger(revision) && (revision as number) >= 0
      ? { stream, revision: revision as number }
      : undefined
  const check = isData.get(type)
  if (check && !check(envelope.data)) throw invalid(check.errors?.[0], '/data')
  return {
    family,
    stream: `received-${family}`,
    id,
    type,
    digest: createHash('sha256').update(canonicalJson(envelope)).digest('hex'),
    envelope,
    version,
    timestamp: new Date(timestamp).toISOString(),
    correlationId: metadata.correlation_id,
    causationId: metadata.causation_id ?? id,
    claimed,
  }
}

/** Of a year that PostgreSQL and the bus know, in UTC, too. */
const isMoment = (timestamp: string): boolean => {
  const year = new Date(timestamp).getUTCFullYear()
  return year >= 1970 && year <= 9999
}

const invalid = (error: { instancePath: string; message?: string | undefined } | undefined, under: string) => {
  const field = `${under}${error?.instancePath ?? ''}`.slice(1).replaceAll('/', '.') || 'the event'
  const message = `${field} ${error?.message ?? 'is not as its schema says'}`
  const detail: Detail = { field, code: 'event/invalid', message }
  return malformed('event/invalid', `Not an event as its schema says: ${message}`, [detail])
}
