import { taskMessageId, type Recorded } from '@journey/contracts'
import { createStageProcess, keepPlan, timeoutTimerId, type Gather, type Plan } from '@journey/handlers'
import type { Message } from '@journey/messaging'
import { outcomesOf, rehearse, type Database, type LiveAgent } from '@journey/read-model'
import { isDeepStrictEqual } from 'node:util'
import type { ReadHeard } from './events.js'
import type { Forecast, Foreseen } from './forecast.js'

/**
 * Reacts to an event as the saga-processor does: keeps what follows from it and takes that back, and sends nothing.
 *
 * @throws malformed `event/…`, `json/…`
 */
export const foreseeReaction = async (
  {
    db,
    gather,
    read,
    liveAgents,
  }: { db: Database['db']; gather: Gather; read: ReadHeard; liveAgents: () => Promise<LiveAgent[]> },
  message: Message,
): Promise<Foreseen> => {
  const followed: Following[] = []
  const agents: Recorded[] = []
  await createStageProcess({
    read,
    gather,
    keep: async (plan) => {
      const alive = plan.dispatches.length > 0 ? await liveAgents() : []
      followed.push(await rehearse(db, (transaction) => followingFrom(transaction, plan, alive), { alone: true }))
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
  const [following] = followed
  if (!following) return { outcome: 'nothing', says: 'Nothing follows from it now' }
  const { commands, tasks, tables } = following
  const fresh = [
    ...commands.filter(({ known }) => !known).map(({ command_type, when }) => `${command_type} (${when})`),
    ...tasks.filter(({ known }) => !known).map(({ task_id, attempt }) => `task ${task_id}, attempt ${attempt}`),
  ]
  if (fresh.length > 0) return { ...following, outcome: 'changes', says: `It would lead to ${fresh.join(', ')}` }
  const rows = Object.entries(tables).map(([table, count]) => `${count} in ${table}`)
  if (rows.length > 0)
    return {
      ...following,
      outcome: 'changes',
      says: `It would end what is kept of a task or unit of work: ${rows.join(', ')}`,
    }
  return { ...following, outcome: 'nothing', says: 'All that follows from it was done before' }
}

type Following = Pick<Forecast, 'commands' | 'tasks' | 'tables'>

const followingFrom = async (
  transaction: Database['db'],
  plan: Plan,
  alive: readonly LiveAgent[],
): Promise<Following> => {
  const { sends, admissions, timers, dispatches } = plan
  const before = await rowsOf(transaction, plan)
  await keepPlan(transaction, plan)
  const after = await rowsOf(transaction, plan)
  const isKept = (table: Kept, key: string): boolean => before[table].has(key)
  // Of what waits for room or its time there is no command yet. One that was set again, for another time, is another.
  const meant = [
    ...sends.map((command) => ({ command, when: 'at once', stands: false })),
    ...admissions.map(({ command, workId }) => ({
      command,
      when: 'as soon as there is room',
      stands: isKept('admissions', workId),
    })),
    ...timers.map(({ command, dueAt, timerId }) => ({
      command,
      when: `at ${dueAt}`,
      stands: isDeepStrictEqual(before.timers.get(timerId), after.timers.get(timerId)),
    })),
  ]
  const ids = meant.map(({ command }) => command.id)
  const outcomes = ids.length > 0 ? await outcomesOf(transaction, ids) : new Map<string, never>()
  const isKnown = (id: string): boolean => {
    const status = outcomes.get(id)?.answer.status
    return status !== undefined && status !== 'failed' // which has not used its id up
  }
  return {
    commands: meant.map(({ command: { id, type }, when, stands }) => ({
      ...{ command_id: id, command_type: type, when, known: stands || isKnown(id) },
    })),
    tasks: dispatches.map(({ workId, taskId, attempt, intent, targetAgent }) => ({
      work_id: workId,
      task_id: taskId,
      attempt,
      intent,
      agents: alive
        .filter(({ agentId, intents }) => intents.includes(intent) && (targetAgent ?? agentId) === agentId)
        .map(({ agentId }) => agentId),
      known: isKept('dispatches', keyOf(workId, taskId, attempt)),
    })),
    tables: Object.fromEntries(
      kept.flatMap((table) => {
        const count = changesBetween(before[table], after[table])
        return count > 0 ? [[table, count]] : []
      }),
    ),
  }
}

/** The tables that a plan is kept in, and those whose rows it ends. */
const kept = ['admissions', 'dispatches', 'timers', 'dead_letters'] as const
type Kept = (typeof kept)[number]
type Rows = ReadonlyMap<string, object>

const keyOf = (...parts: (string | number)[]): string => parts.join('\0')

/** All rows that a plan could touch, by their keys. */
const rowsOf = async (
  transaction: Database['db'],
  { admissions, rooms, dispatches, settled, timers }: Plan,
): Promise<Record<Kept, Rows>> => {
  const works = [
    ...new Set([...admissions, ...rooms, ...dispatches, ...settled, ...timers].flatMap(({ workId }) => workId ?? [])),
  ]
  const timerIds = [...timers.map(({ timerId }) => timerId), ...settled.map(timeoutTimerId)]
  const messages = settled.map(({ workId, taskId, attempt }) =>
    taskMessageId({ work_id: workId, task_id: taskId, attempt }),
  )
  const ofWorks = works.length > 0 ? works : ['']
  const admitted = await transaction.selectFrom('admissions').selectAll().where('work_id', 'in', ofWorks).execute()
  const dispatched = await transaction.selectFrom('dispatches').selectAll().where('work_id', 'in', ofWorks).execute()
  const set = await transaction
    .selectFrom('timers')
    .selectAll()
    .where((timer) =>
      timer.or([timer('work_id', 'in', ofWorks), timer('timer_id', 'in', timerIds.length > 0 ? timerIds : [''])]),
    )
    .execute()
  const letters = await transaction
    .selectFrom('dead_letters')
    .select(['id', 'state'])
    .where('message_id', 'in', messages.length > 0 ? messages : [''])
    .execute()
  return {
    admissions: new Map(admitted.map((row) => [row.work_id, row])),
    dispatches: new Map(dispatched.map((row) => [keyOf(row.work_id, row.task_id, row.attempt), row])),
    timers: new Map(set.map((row) => [row.timer_id, row])),
    dead_letters: new Map(letters.map((row) => [row.id, row])),
  }
}

/** How many rows are new, gone or another. */
const changesBetween = (before: Rows, after: Rows): number =>
  [...new Set([...before.keys(), ...after.keys()])].filter((key) => !isDeepStrictEqual(before.get(key), after.get(key)))
    .length
