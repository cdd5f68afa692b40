import {
  checkShape,
  clientIdPattern,
  comparisonShape,
  creationShape,
  criteriaShape,
  eventShapes,
  noClient,
  storedTypeOf,
  taskResultsShape,
  type KeyOwner,
  type Shape,
} from '@journey/contracts'
import { journeyStream } from '@journey/domain'
import type { Tables } from '../tables.js'

type Row = Readonly<Record<string, unknown>>

/** Which columns of a table hold content, and what of them stays plain; columns not named are plain. */
type Content = {
  /** The primary key: what was sealed for one row opens in no other. */
  key: readonly string[]
  columns: Readonly<Record<string, Shape | ((row: Row) => Shape)>>
  ownerOf: (row: Row) => KeyOwner
  /** For an erased client's: left out, or kept under the key that belongs to no client, since it came after the erasure and is needed. */
  onceErased: 'left out' | 'kept'
}

const fields = (...names: string[]): Record<string, 'plain'> => Object.fromEntries(names.map((name) => [name, 'plain']))

const text: Shape = {}

const ofClient = ({ client_id }: Row): KeyOwner => (typeof client_id === 'string' ? client_id : noClient)

/** A command on a unit of work names no client; its answer is taken away with the unit's when the client is erased. */
const ofStream = ({ about: stream }: Row): KeyOwner => {
  const client =
    typeof stream === 'string' && stream.startsWith(journeyStream('')) ? stream.slice(journeyStream('').length) : ''
  return clientIdPattern.test(client) ? client : noClient
}

/** What others say in their events belongs to none of our clients. */
export const ofNobody = (): KeyOwner => noClient
const ofOthers = { key: ['stream', 'revision'], ownerOf: ofNobody, onceErased: 'left out' } as const

const derived = { ownerOf: ofClient, onceErased: 'left out' } as const

/** Every table in which content is sealed. What stays plain is what SQL looks for, and what is left of a client once erased. */
export const content = {
  journey_states: {
    ...derived,
    key: ['client_id'],
    columns: {
      metadata: { ...fields('initiated_by', 'source', 'correlation_id', 'command_id'), actor: fields('type', 'id') },
      gate: {
        ...fields('n', 'running', 'trigger', 'requested_at'),
        last: {
          ...fields('n', 'work_id', 'verdict', 'evaluated_at', 'exit_criteria_results'),
          exit_criteria_details: [checkShape],
        },
      },
      held: fields('by', 'at'),
      rollback: { ...fields('to_stage', 'category', 'by', 'at', 'snapshot_revision'), failed: fields('work_id', 'at') },
      profile: fields('pilot_cohort_size', 'contract_signed'),
      end_reason: text,
    },
  },
  unit_of_works: {
    ...derived,
    key: ['work_id'],
    columns: {
      tasks: [
        {
          ...fields('task_id', 'name', 'kind', 'intent', 'agent_id', 'depends_on', 'timeout_ms', 'status'),
          ...fields('retry_count', 'retry_at'),
          attempts: [
            {
              ...fields('attempt', 'started_at', 'ended_at', 'agent_id', 'outcome', 'code'),
              late: fields('outcome', 'at', 'agent_id'),
            },
          ],
          approval: fields('asked_at', 'decision', 'decided_by', 'decided_at'),
          error: fields('code'),
        },
      ],
      results: { ...taskResultsShape, ...fields('cancelled', 'cancelled_by') },
      inputs: {},
      parameters: {},
      criteria: criteriaShape,
      reason: text,
    },
  },
  stage_transitions: {
    ...derived,
    key: ['transition_id'],
    columns: { reason: text, exit_criteria_results: 'plain' },
  },
  exit_criteria_results: {
    ...derived,
    key: ['client_id', 'revision', 'check_id'],
    columns: { comparisons: [comparisonShape], message: text },
  },
  approvals: { ...derived, key: ['work_id', 'task_id'], columns: { comment: text } },
  journey_events: {
    ...derived,
    key: ['stream', 'revision'],
    columns: {
      actor: fields('type', 'id'),
      data: ({ event_type }) => {
        const type = storedTypeOf(String(event_type))
        return type ? eventShapes[type] : {}
      },
    },
  },
  received_events: { ...ofOthers, columns: { data: {} } },
  knowledge_shares: { ...ofOthers, columns: { details: {} } },
  patterns: { ...ofOthers, columns: { details: {} } },
  notifications: { ...ofOthers, columns: { recipient: text, details: {} } },
  commands: {
    key: ['command_id'],
    columns: { events: 'plain', error: fields('code') },
    ownerOf: ofStream,
    onceErased: 'kept',
  },
  dead_letters: {
    key: ['id'],
    columns: {
      body: {},
      edited_body: {},
      properties: {},
      headers: {},
      message: text,
      tries: [fields('retry', 'reason', 'code', 'service', 'at')],
    },
    ownerOf: ofClient,
    onceErased: 'kept',
  },
  deliveries: {
    ...derived,
    key: ['delivery_id'],
    columns: { payload: {}, tries: 'plain' },
  },
  dispatches: {
    ...derived,
    key: ['work_id', 'task_id', 'attempt'],
    columns: { message: fields('correlation_id') },
  },
  admissions: {
    ...derived,
    key: ['work_id'],
    columns: { command: { ...fields('id', 'type', 'correlationId', 'causationId'), data: creationShape } },
  },
} as const satisfies { [Table in keyof Tables]?: Content }

export type SealedTable = keyof typeof content

export const contentOf = (table: SealedTable): Content => content[table]

export const isSealedTable = (table: string): table is SealedTable => Object.hasOwn(content, table)
