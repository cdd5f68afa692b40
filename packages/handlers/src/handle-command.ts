import type { CommandAnswer, DomainCommand, ReadCommand } from '@journey/contracts'
import { journeyStream, unitOfWorkStream } from '@journey/domain'
import { codeOf, Fault, familyOf, messageOf, Turns, type Detail } from '@journey/runtime'
import type { Claim, Claimed, Settlement } from '@journey/read-model'
import type { Decide } from './deciders.js'

/** Where commands are claimed and their outcomes kept. */
export interface Outcomes {
  claim(claim: Omit<Claim, 'claimedBy'>): Promise<Claimed>
  settle(answer: Settlement): Promise<CommandAnswer>
}

export type HandleCommand = (read: ReadCommand) => Promise<CommandAnswer>

/**
 * Handles one command, once: claims its id, decides, and writes the outcome before anybody hears of it. A repeated command
 * gets its first answer again, a refusal too; the same id with another body is refused without touching the first. What
 * comes twice at once is taken one after another: else the second might be accepted, on a state that moved meanwhile, while
 * the refusal of the first is still on its way into the table.
 *
 * @throws unavailable, conflict or a bug: there is no outcome yet, and the command may be handled again
 */
export const createHandleCommand = ({
  outcomes,
  decide,
  noteHeartbeat,
}: {
  outcomes: Outcomes
  decide: Decide
  noteHeartbeat: (agentId: string, activeTasks: number | null) => Promise<void>
}): HandleCommand => {
  const turns = new Turns()
  /** Whoever registers lives, too. */
  const noteSignOfLife = async (command: DomainCommand): Promise<void> => {
    if (command.type === 'agent.heartbeat')
      await noteHeartbeat(command.data.agent_id, command.data.active_tasks ?? null)
    if (command.type === 'agent.register') await noteHeartbeat(command.data.agent_id, null)
  }
  const handle: HandleCommand = async (read) => {
    const { commandId, command, digest, correlationId, source } = read
    const claimed = await outcomes.claim({ commandId, commandType: command.type, digest, correlationId, source })
    if (claimed.found === 'settled') return claimed.answer
    if (claimed.found === 'key_reused') return keyReused(read)
    try {
      const { stream, revision, events } = await decide(read)
      await noteSignOfLife(command)
      return await outcomes.settle({
        command_id: commandId,
        command_type: command.type,
        status: 'accepted',
        stream,
        revision: revision < 0 ? null : revision,
        events,
        error: null,
      })
    } catch (error) {
      if (familyOf(error) !== 'refused') throw error
      const answer = rejection(read, codeOf(error), messageOf(error), detailsOf(error))
      return await outcomes.settle({ ...answer, about: streamOf(command) })
    }
  }
  return (read) => turns.take(read.commandId, () => handle(read))
}

/** The stream that a command is meant for, whether or not there is one. */
const streamOf = ({ data }: DomainCommand): string | null => {
  if ('client_id' in data) return journeyStream(data.client_id)
  return 'work_id' in data ? unitOfWorkStream(data.work_id) : null
}

const rejection = (
  { commandId, command }: ReadCommand,
  code: string,
  message: string,
  details: readonly Detail[] = [],
): CommandAnswer => ({
  command_id: commandId,
  command_type: command.type,
  status: 'rejected',
  stream: null,
  revision: null,
  events: [],
  error: { code, message, details },
})

const keyReused = (read: ReadCommand): CommandAnswer =>
  rejection(
    read,
    'command/key_reused',
    `The command id ${read.commandId} was used for another command: give every command an id of its own`,
  )

const detailsOf = (error: unknown): readonly Detail[] =>
  error instanceof Fault ||
  (typeof error === 'object' && error !== null && 'details' in error && Array.isArray(error.details))
    ? (error as { details: readonly Detail[] }).details
    : []
