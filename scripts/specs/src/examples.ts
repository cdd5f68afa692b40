import type { Schema } from '@journey/contracts'

/** What a field of this name looks like, where its schema allows much. */
const known: Record<string, unknown> = {
  command_id: '2f6f1a0e-8f0c-4b69-9a43-5a0f2a8f3b11',
  event_id: '550e8400-e29b-41d4-a716-446655440000',
  command_version: '1.0',
  event_version: '1.0',
  schema_version: '1.0',
  correlation_id: 'req_abc123',
  causation_id: '2f6f1a0e-8f0c-4b69-9a43-5a0f2a8f3b11',
  source: 'crm',
  stream: 'journey-client-123',
  position: '18446',
  client_id: 'client-123',
  work_id: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
  task_id: 'install_connectors',
  intent: 'install_connectors',
  idempotency_key: '7c9e6679-7425-40de-944b-e07fc1f90ae7:install_connectors',
  token: '0b4f6f0a-2f5e-4c5b-8f0e-3a6d1c9b7e21',
  agent_id: 'connector-agent-1',
  name: 'Connectors',
  intents: ['install_connectors'],
  data_sources: ['salesforce', 'jira', 'confluence'],
  connectors: ['salesforce', 'jira', 'confluence'],
  services: ['projector'],
  actor: 'dana',
  users: ['dana@example.com'],
  pilot_cohort_size: 10,
  reason: 'exit criteria passed',
  code: 'agent/failed',
  message: 'The connector refused the credentials.',
  delay_ms: 2_000,
  timeout_ms: 120_000,
}

/**
 * A value that its schema takes: every field of it, told by its name, else by its type. The schemas of the bus need no more of the
 * language than stands here.
 */
export const exampleOf = (schema: Schema, name = ''): unknown => {
  const { const: only, enum: values, example, oneOf, properties, items, type } = schema as SchemaParts
  if (only !== undefined) return only
  if (values) return values[0]
  if (properties)
    return Object.fromEntries(Object.entries(properties).map(([field, inner]) => [field, exampleOf(inner, field)]))
  if (Object.hasOwn(known, name) && fits(known[name], type)) return known[name]
  if (example !== undefined) return example
  if (oneOf) return exampleOf(oneOf[0]!, name)
  switch ([type].flat()[0]) {
    case 'array':
      return items ? [exampleOf(items, name)] : []
    case 'integer':
    case 'number':
      return schema.minimum ?? 1
    case 'boolean':
      return true
    case 'string':
      return schema.format === 'date-time' || /(_at|^timestamp|^deadline)$/.test(name)
        ? '2026-01-27T10:30:00.000Z'
        : 'example'
    default:
      return {}
  }
}

type SchemaParts = {
  const?: unknown
  enum?: unknown[]
  example?: unknown
  oneOf?: Schema[]
  properties?: Record<string, Schema>
  items?: Schema
  type?: string | string[]
}

const fits = (value: unknown, type: string | string[] | undefined): boolean => {
  const is = Array.isArray(value) ? 'array' : typeof value
  return type === undefined || [type].flat().some((one) => (one === 'integer' ? 'number' : one) === is)
}
