import type { Detail } from '@journey/runtime'

export type CommandStatus = 'pending' | 'accepted' | 'rejected' | 'failed'

/** The outcome of a command: what `reply_to` hears and `GET /api/v1/commands/{id}` returns. Revisions count from 0; null where no stream is known. */
export type CommandAnswer = {
  command_id: string
  command_type: string | null
  status: CommandStatus
  stream: string | null
  revision: number | null
  /** Bus types of the events that the command led to, in order. */
  events: string[]
  error: { code: string; message: string; details: readonly Detail[] } | null
}
