import type { JsonObject } from '@journey/domain'
import { codeOf, familyOf, messageOf, type Detail } from '@journey/runtime'

/**
 * What would become of a dead letter if it were retried now:
 *
 * - `changes`: settled, and something would be written, sent or handed out
 * - `nothing`: settled, and everything would stay as it is
 * - `refused`: settled: a rule says no
 * - `fails`: it would die again, or its stream would be put aside again
 * - `waits`: it would be sent, and nobody is there to take it
 * - `not_possible`: the retry itself would be refused
 * - `unknown`: nobody here can tell
 */
export const forecastOutcomes = ['changes', 'nothing', 'refused', 'fails', 'waits', 'not_possible', 'unknown'] as const
export type ForecastOutcome = (typeof forecastOutcomes)[number]

/** What a retry would come to, found out by doing it and taking it back. Lists are empty where they say nothing. */
export type Forecast = {
  id: string
  kind: 'message' | 'stream'
  queue: string
  type: string | null
  outcome: ForecastOutcome
  /** In one sentence, for people. */
  says: string
  error: { code: string; message: string; details: readonly Detail[] } | null
  /** How the command would end; and how it ended before, or that somebody has it in hand, where its id is known. */
  command: {
    command_id: string
    command_type: string
    status: string
    stream: string | null
    revision: number | null
    known: { status: string; claimed_by: string | null; claimed_at: string | null } | null
  } | null
  /** What would be appended. */
  events: { type: string; stream: string; revision: number; data: unknown }[]
  /** Rows that would be written, by table. */
  tables: Record<string, number>
  /** Commands that would be sent; `known`: under an id that was heard of, so that it acts no second time. */
  commands: { command_id: string; command_type: string; when: string; known: boolean }[]
  /** Tasks that would be handed out; `known`: they were before. */
  tasks: { work_id: string; task_id: string; attempt: number; intent: string; agents: string[]; known: boolean }[]
  /** What the world outside would be told. */
  deliveries: {
    channel: string
    target: string
    event_type: string
    state: string
    known: boolean
    payload: JsonObject
  }[]
}

/** The part of a forecast that depends on the kind of the dead letter. */
export type Foreseen = Pick<Forecast, 'outcome' | 'says'> & Partial<Omit<Forecast, 'id' | 'kind' | 'queue'>>

/** Whether somebody else was at the same rows, so that it may come to something the next time. */
export const isInTheWay = (error: unknown): boolean =>
  familyOf(error) === 'conflict' || codeOf(error) === 'database/too_slow'

/** What the error of a rehearsed handler would make of the message: see `verdictFor`. @throws the error, when a server is away */
export const foreseenBy = (error: unknown): Foreseen => {
  const code = codeOf(error)
  const message = messageOf(error)
  const { details = [] } = error as { details?: readonly Detail[] }
  const told = { error: { code, message, details } }
  if (isInTheWay(error))
    return { ...told, outcome: 'unknown', says: 'Somebody is at it right now; ask again in a moment' }
  if (code.startsWith('rehearsal/')) return { ...told, outcome: 'unknown', says: `Nobody here can tell: ${message}` }
  if (familyOf(error) === 'unavailable') throw error
  if (familyOf(error) === 'refused') return { ...told, outcome: 'refused', says: `It would be refused: ${message}` }
  return { ...told, outcome: 'fails', says: `It would die again: ${message}` }
}
