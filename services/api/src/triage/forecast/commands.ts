import { readCommand, type CommandAnswer } from '@journey/contracts'
import type { Journey } from '@journey/domain'
import { notingStore, type EventStore } from '@journey/event-store'
import { createDeciders, createHandleCommand, incomingOf } from '@journey/handlers'
import type { Message } from '@journey/messaging'
import { claim, noteHeartbeat, rehearse, settle, type Database } from '@journey/read-model'
import { silentLog } from '@journey/runtime'
import type { Forecast, Foreseen } from './forecast.js'

/** Handles a command as the command-handler does, and takes it back. @throws as reading and handling do */
export const createForeseeCommand =
  ({ db, store, policy, now }: { db: Database['db']; store: EventStore; policy: Journey.Policy; now: () => Date }) =>
  async (message: Message): Promise<Foreseen> => {
    const read = readCommand(incomingOf(message))
    const { commandId: command_id, command } = read
    const { answer, known, noted, heartbeats } = await rehearse(db, async (transaction) => {
      const before = await transaction
        .selectFrom('commands')
        .select(['status', 'claimed_by', 'claimed_at'])
        .where('command_id', '=', command_id)
        .executeTakeFirst()
      const noting = notingStore(store)
      let heard = 0
      const handle = createHandleCommand({
        deciders: createDeciders({ store: noting.store, policy, capacity: 1, now, log: silentLog() }),
        outcomes: {
          claim: async (one) => (await claim(transaction, [{ ...one, claimedBy: 'a rehearsal' }]))[0]!,
          isHeld: () => Promise.resolve(true),
          settle: (one) => settle(transaction, one),
        },
        noteHeartbeat: async (agentId, activeTasks) => {
          await noteHeartbeat(transaction, agentId, activeTasks)
          heard++
        },
      })
      return { answer: await handle(read), known: before ?? null, noted: noting.noted, heartbeats: heard }
    })
    const events = noted.map(({ type, stream, revision, data }) => ({ type, stream, revision, data }))
    const { status, stream, revision, error } = answer
    return {
      ...ofAnswer(answer, known, events, heartbeats),
      type: command.type,
      error,
      command: { command_id, command_type: command.type, status, stream, revision, known },
      events,
      ...(heartbeats > 0 && { tables: { agent_heartbeats: 1 } }),
    }
  }

const ofAnswer = (
  { status, error, stream, revision }: CommandAnswer,
  known: NonNullable<Forecast['command']>['known'],
  events: Forecast['events'],
  heartbeats: number,
): Foreseen => {
  const wasSettled = known?.status === 'accepted' || known?.status === 'rejected'
  const inHand =
    known?.status === 'pending' ? '; somebody else has sent the same command, and it is not settled yet' : ''
  if (status === 'rejected') {
    const why = `${error?.message ?? ''}${inHand}`
    return {
      outcome: 'refused',
      says: wasSettled ? `It was refused before, and stays so: ${why}` : `It would be refused: ${why}`,
    }
  }
  if (events.length > 0) {
    const what = events.map(({ type, revision: at }) => `${type}@${at}`).join(', ')
    return { outcome: 'changes', says: `${what} would be appended to ${stream ?? ''}${inHand}` }
  }
  if (heartbeats > 0) return { outcome: 'changes', says: 'It would be noted that the agent lives' }
  const where = stream === null ? '' : ` (${stream} is at revision ${revision ?? -1})`
  return {
    outcome: 'nothing',
    says: wasSettled
      ? `It was handled before, and would get its first answer${where}`
      : `It would change nothing${where}`,
  }
}
