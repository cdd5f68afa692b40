import { setTimeout as sleep } from 'node:timers/promises'
import type { CommandAnswer, DomainCommand, ReadCommand } from '@journey/contracts'
import { journeyStream, unitOfWorkStream } from '@journey/domain'
import type { Consent } from '@journey/event-store'
import type { Claim, Claimed, Settlement } from '@journey/read-model'
import { codeOf, conflict, Fault, familyOf, messageOf, Turns, type Detail } from '@journey/runtime'
import type { Deciders } from './deciders.js'

/** Where commands are claimed and their outcomes kept: `claim`, `areHeld` and `settleAll` of the read model. */
export interface Outcomes {
  claim(claim: Omit<Claim, 'claimedBy'>): Promise<Claimed>
  isHeld(claim: Pick<Claim, 'commandId' | 'claimedBy'>): Promise<boolean>
  settle(answer: Settlement): Promise<CommandAnswer | undefined>
}

/** @param noteRepeat called when the command turns out to have been handled before, by its outcome or by its stream */
export type HandleCommand = (read: ReadCommand, noteRepeat?: () => void) => Promise<CommandAnswer>

/**
 * Handles one command, once: claims its id, decides, and writes the outcome before anybody hears of it. A repeated command
 * gets its first answer again, a refusal too; the same id with another body is refused without touching the first. What
 * comes twice at once is taken one after another.
 *
 * Two processes that hold the same command, because it was delivered again while the first still works, never contradict each
 * other, whatever moves its stream meanwhile. Something is appended only on a revision that was known before a moment at
 * which the claim held; an outcome without events counts only while it holds (docs/decisions/0019).
 *
 * @throws unavailable, conflict or a bug: there is no outcome yet, and the command may be handled again
 */
export const createHandleCommand = ({
  outcomes,
  deciders,
  noteHeartbeat,
  pause = sleep,
}: {
  outcomes: Outcomes
  deciders: Deciders
  noteHeartbeat: (agentId: string, activeTasks: number | null) => Promise<void>
  /** Waits for another process that took the command over. */
  pause?: (ms: number) => Promise<unknown>
}): HandleCommand => {
  const turns = new Turns()
  /** Whoever registers lives, too. */
  const noteSignOfLife = async (command: DomainCommand): Promise<void> => {
    if (command.type === 'agent.heartbeat')
      await noteHeartbeat(command.data.agent_id, command.data.active_tasks ?? null)
    if (command.type === 'agent.register') await noteHeartbeat(command.data.agent_id, null)
  }
  /** What is to be the outcome. @throws conflict `command/taken_over` */
  const settlementOf = async (read: ReadCommand, consent: Consent, noteRepeat: () => void): Promise<Settlement> => {
    const { commandId, command } = read
    try {
      const { stream, revision, events, repeated } = await deciders.decide(read, consent)
      if (repeated) noteRepeat()
      await noteSignOfLife(command)
      return {
        command_id: commandId,
        command_type: command.type,
        status: 'accepted',
        stream,
        revision: revision < 0 ? null : revision,
        events,
        error: null,
      }
    } catch (error) {
      if (familyOf(error) !== 'refused') throw error
      return { ...rejection(read, codeOf(error), messageOf(error), detailsOf(error)), about: streamOf(command) }
    }
  }
  const attempt = async (read: ReadCommand, noteRepeat: () => void): Promise<CommandAnswer> => {
    const { commandId, command, digest, correlationId, source } = read
    const since = deciders.rememberedRevision(read) // before the claim, so that it was known while the claim held
    const claimed = await outcomes.claim({ commandId, commandType: command.type, digest, correlationId, source })
    if (claimed.found === 'settled') {
      noteRepeat()
      return claimed.answer
    }
    if (claimed.found === 'key_reused') return keyReused(read)
    const { claimedBy } = claimed
    const ask = async () => {
      if (!(await outcomes.isHeld({ commandId, claimedBy }))) throw takenOver(commandId)
    }
    const settled = await outcomes.settle({ ...(await settlementOf(read, { since, ask }, noteRepeat)), claimedBy })
    if (!settled) throw takenOver(commandId)
    return settled
  }
  const handle = async (read: ReadCommand, noteRepeat: () => void): Promise<CommandAnswer> => {
    for (const pauseMs of pausesMs)
      try {
        return await attempt(read, noteRepeat)
      } catch (error) {
        if (codeOf(error) !== 'command/taken_over') throw error
        await pause(pauseMs * (0.5 + Math.random())) // not in step with the other
      }
    return attempt(read, noteRepeat)
  }
  return (read, noteRepeat = () => undefined) => turns.take(read.commandId, () => handle(read, noteRepeat))
}

/** Who took a command over has mostly settled it by the first; growing, so that two never go on taking it from each other. */
const pausesMs = [25, 100, 400, 1_600]

const takenOver = (commandId: string): Error =>
  conflict('command/taken_over', `Another process took the command ${commandId} over and has not settled it yet`)

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
