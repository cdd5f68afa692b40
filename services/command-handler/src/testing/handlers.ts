import { randomUUID } from 'node:crypto'
import { readCommand, type CommandType, type ReadCommand } from '@journey/contracts'
import { testEventStoreUrl } from '@journey/embedded/testing'
import { createEventStore, type EventStore } from '@journey/event-store'
import { createDatabase, noteHeartbeat, type Database } from '@journey/read-model'
import { testReadModel } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'
import { createDeciders, createHandleCommand, type HandleCommand, type Outcomes } from '@journey/handlers'
import { createOutcomes } from '../outcomes.js'

/** A command as it comes off the bus. */
export const read = (type: CommandType, data: object, commandId: string = randomUUID()): ReadCommand =>
  readCommand({
    body: Buffer.from(JSON.stringify({ command_id: commandId, command_type: type, source: 'spec', data })),
    routingKey: type,
    headers: {},
  })
export const freshClient = (): string => `client-${randomUUID()}`
export const start = (client_id: string, commandId?: string, data_sources = ['jira']) =>
  read('journey.start', { client_id, data_sources }, commandId)
export const hold = (client_id: string, commandId?: string) =>
  read('journey.hold', { client_id, reason: 'a word first' }, commandId)

type Options = {
  /** What stands in the way of its outcomes, and of its events. */
  outcomes?: (outcomes: Outcomes) => Partial<Outcomes>
  store?: (store: EventStore) => Partial<EventStore>
  pause?: (ms: number) => Promise<unknown>
  now?: () => Date
}

/** The handling of commands as in a process of its own, as far as memory and connections go. */
export type Handler = {
  db: Database['db']
  handle: HandleCommand
  store: EventStore
  typesIn: (stream: string) => Promise<string[]>
  kept: (commandId: string) => Promise<Record<string, unknown> | undefined>
}

/** Makes handlers on one database, for the specs of one `describe`. */
export const withHandlers = (): ((options?: Options) => Handler) => {
  const opened: { stop(): Promise<unknown> }[] = []
  let url: string
  let drop: () => Promise<void>
  before(async () => {
    const own = await testReadModel()
    url = own.url
    drop = own.drop
  })
  after(async () => {
    for (const one of opened) await one.stop()
    await drop()
  })
  return ({ outcomes: inTheWay, store: before, pause, now = () => new Date() } = {}) => {
    const log = silentLog()
    const store = createEventStore({ url: testEventStoreUrl(), log })
    const database = createDatabase({ url, name: 'spec', log })
    opened.push(store, database)
    const { db } = database
    const outcomes = createOutcomes(db, { most: 10, claimedBy: `spec-${randomUUID()}` })
    const handle = createHandleCommand({
      deciders: createDeciders({
        store: { ...store, ...before?.(store) },
        policy: { enabled: true, auto_promotion: true, auto_completion: false },
        capacity: 100,
        now,
        log,
      }),
      outcomes: { ...outcomes, ...inTheWay?.(outcomes) },
      noteHeartbeat: (agentId, activeTasks) => noteHeartbeat(db, agentId, activeTasks),
      ...(pause && { pause }),
    })
    return {
      db,
      handle,
      store,
      typesIn: async (stream) => (await store.read(stream)).map(({ type }) => type),
      kept: (commandId) => db.selectFrom('commands').selectAll().where('command_id', '=', commandId).executeTakeFirst(),
    }
  }
}
