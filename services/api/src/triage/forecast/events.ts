import { familyQueue, receivedFamilies, type AnyRecorded, type Recorded } from '@journey/contracts'
import { notingStore, type EventStore } from '@journey/event-store'
import {
  createNotifier,
  createRecordReceived,
  createStageProcess,
  type Channel,
  type Gather,
  type Plan,
} from '@journey/handlers'
import type { Message } from '@journey/messaging'
import {
  claimReceivedId,
  noteReceived,
  outcomesOf,
  rehearse,
  storeDelivery,
  type Database,
  type NewDelivery,
} from '@journey/read-model'
import type { Forecast, Foreseen } from './forecast.js'

/** Reads an event as the event store has it, whatever the message says. @throws malformed `event/…`, `json/…` */
export type ReadHeard<Event extends AnyRecorded = Recorded> = (message: Pick<Message, 'body'>) => Promise<Event>

/** Stores what the world outside would be told, as the notifier does, and takes it back. Nothing is sent. @throws malformed `event/…`, `json/…` */
export const foreseeNotifications = async (
  { db, channels, read }: { db: Database['db']; channels: readonly Channel[]; read: ReadHeard },
  message: Message,
  isReplay: boolean,
): Promise<Foreseen> => {
  const stored: (NewDelivery & { known: boolean })[] = []
  await rehearse(db, (transaction) =>
    createNotifier({
      read,
      channels,
      store: async (delivery) => {
        const isNew = await storeDelivery(transaction, delivery)
        stored.push({ ...delivery, known: !isNew })
        return isNew
      },
      stored: () => undefined,
      isReplay,
    })(message),
  )
  const deliveries = stored.map(({ channel, target, eventType, state, known, payload }) => ({
    ...{ channel, target, event_type: eventType, state, known, payload },
  }))
  const fresh = deliveries.filter(({ known }) => !known)
  const told = fresh.map(({ event_type, channel, target, state }) =>
    state === 'disabled' ? `${event_type} for ${channel}, which is off` : `${event_type} to ${channel} at ${target}`,
  )
  if (fresh.length > 0) return { outcome: 'changes', says: `It would be kept and told: ${told.join(', ')}`, deliveries }
  const says = deliveries.length > 0 ? 'Every channel was told before' : 'No channel hears of such an event'
  return { outcome: 'nothing', says, deliveries }
}

/** Reacts to an event as the saga-processor does, and does nothing of what follows. @throws malformed `event/…`, `json/…` */
export const foreseeReaction = async (
  { db, gather, read }: { db: Database['db']; gather: Gather; read: ReadHeard },
  message: Message,
): Promise<Foreseen> => {
  const plans: Plan[] = []
  const agents: Recorded[] = []
  await createStageProcess({
    read,
    gather,
    keep: (plan) => {
      plans.push(plan)
      return Promise.resolve()
    },
    send: () => Promise.resolve(),
    wake: () => undefined,
    agentChanged: (event) => {
      agents.push(event)
      return Promise.resolve()
    },
  })(message)
  if (agents.length > 0)
    return { outcome: 'nothing', says: "The queues of the agent's intents would be declared, if they are missing" }
  const [plan] = plans
  if (!plan) return { outcome: 'nothing', says: 'Nothing follows from it now' }
  const { commands, tasks } = await followingFrom(db, plan)
  const fresh = [
    ...commands.filter(({ known }) => !known).map(({ command_type, when }) => `${command_type} (${when})`),
    ...tasks.filter(({ known }) => !known).map(({ task_id, attempt }) => `task ${task_id}, attempt ${attempt}`),
  ]
  if (fresh.length > 0) return { outcome: 'changes', says: `It would lead to ${fresh.join(', ')}`, commands, tasks }
  return { outcome: 'nothing', says: 'All that follows from it was done before', commands, tasks }
}

const followingFrom = async (
  db: Database['db'],
  { sends, admissions, timers, dispatches }: Plan,
): Promise<Pick<Forecast, 'commands' | 'tasks'>> => {
  const meant = [
    ...sends.map((command) => ({ command, when: 'at once' })),
    ...admissions.map(({ command }) => ({ command, when: 'as soon as there is room' })),
    ...timers.map(({ command, dueAt }) => ({ command, when: `at ${dueAt}` })),
  ]
  const ids = meant.map(({ command }) => command.id)
  const known = ids.length > 0 ? await outcomesOf(db, ids) : new Map<string, unknown>()
  // What waits for room or its time is no command yet.
  const works = admissions.map(({ workId }) => workId)
  const admitted = works.length > 0 ? await knownAdmissions(db, works) : new Set<string>()
  const waiting = timers.length > 0 ? await knownTimers(db, timers) : new Set<string>()
  const stands = new Set([
    ...admissions.filter(({ workId }) => admitted.has(workId)).map(({ command }) => command.id),
    ...timers.filter(({ timerId }) => waiting.has(timerId)).map(({ command }) => command.id),
  ])
  return {
    commands: meant.map(({ command: { id, type }, when }) => ({
      command_id: id,
      command_type: type,
      when,
      known: known.has(id) || stands.has(id),
    })),
    tasks: await Promise.all(
      dispatches.map(async ({ workId, taskId, attempt, intent }) => ({
        work_id: workId,
        task_id: taskId,
        attempt,
        intent,
        agents: [],
        known: await isDispatched(db, { workId, taskId, attempt }),
      })),
    ),
  }
}

const knownAdmissions = async (db: Database['db'], workIds: readonly string[]): Promise<Set<string>> =>
  new Set(
    (await db.selectFrom('admissions').select('work_id').where('work_id', 'in', workIds).execute()).map(
      ({ work_id }) => work_id,
    ),
  )

const knownTimers = async (db: Database['db'], timers: readonly { timerId: string }[]): Promise<Set<string>> => {
  const ids = timers.map(({ timerId }) => timerId)
  const rows = await db.selectFrom('timers').select('timer_id').where('timer_id', 'in', ids).execute()
  return new Set(rows.map(({ timer_id }) => timer_id))
}

const isDispatched = async (
  db: Database['db'],
  { workId, taskId, attempt }: { workId: string; taskId: string; attempt: number },
): Promise<boolean> =>
  (await db
    .selectFrom('dispatches')
    .select('attempt')
    .where('work_id', '=', workId)
    .where('task_id', '=', taskId)
    .where('attempt', '=', attempt)
    .executeTakeFirst()) !== undefined

/** Records an event of others as the command-handler does, and takes it back. @throws malformed `event/…`, `json/…` */
export const foreseeRecording = async (
  { db, store }: { db: Database['db']; store: EventStore },
  message: Message,
): Promise<Foreseen> => {
  const family = receivedFamilies.find((one) => familyQueue(one) === message.queue)!
  const noting = notingStore(store)
  await rehearse(db, (transaction) =>
    createRecordReceived({
      store: noting.store,
      ids: {
        claim: (event) => claimReceivedId(transaction, event),
        note: (id, revision) => noteReceived(transaction, id, revision),
      },
      family,
    })(message),
  )
  const events = noting.noted.map(({ type, stream, revision, data }) => ({ type, stream, revision, data }))
  const [event] = events
  if (!event) return { outcome: 'nothing', says: 'It stands in its stream already' }
  return { outcome: 'changes', says: `It would be recorded in ${event.stream} at revision ${event.revision}`, events }
}
