import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { exchanges, type CommandAnswer } from '@journey/contracts'
import { testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createEventStore, type EventStore } from '@journey/event-store'
import { eventually, openTestBroker, startProcess, type Process, type TestBroker } from '@journey/messaging/testing'
import { createDatabase, type Database } from '@journey/read-model'
import { testReadModel } from '@journey/read-model/testing'
import { readSettings, silentLog } from '@journey/runtime'
import { build } from '../container.js'
import { Settings } from '../settings.js'

type Options = Parameters<TestBroker['publish']>[3]

const main = fileURLToPath(new URL('../main.js', import.meta.url))

/** A database and a virtual host of its own, with somebody who commands and listens for the answers. */
export type House = {
  db: Database['db']
  databaseUrl: string
  amqpUrl: string
  store: EventStore
  broker: TestBroker
  /** By the correlation id that `publish` gave, the last one; `heard` has all. */
  answers: Map<string, CommandAnswer>
  heard: Map<string, CommandAnswer[]>
  publish: (key: string, body: unknown, options?: Options) => Promise<string>
  answerOf: (correlationId: string) => Promise<CommandAnswer>
  /** Publishes a command and waits for its answer. */
  ask: (key: string, body: unknown, options?: Options) => Promise<CommandAnswer>
  deadLetters: () => Promise<DeadLetterRow[]>
  /** The service in this process, with other settings than at first if any are given. */
  stopService: () => Promise<void>
  startAgain: (env?: Record<string, string>) => Promise<void>
  /** Starts a process of the service beside that, and waits until it is ready. */
  spawn: (env?: Record<string, string>) => Promise<Process>
  close: () => Promise<void>
}

type DeadLetterRow = Awaited<ReturnType<typeof deadLettersOf>>[number]
const deadLettersOf = (db: Database['db']) => db.selectFrom('dead_letters').selectAll().orderBy('created_at').execute()

/**
 * @param isServed whether the service runs in this process from the start
 * @param eventStoreUrl the one that all specs share, if not said otherwise
 */
export const openHouse = async ({
  isServed = true,
  eventStoreUrl = testEventStoreUrl(),
}: { isServed?: boolean; eventStoreUrl?: string } = {}): Promise<House> => {
  const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
  const database = createDatabase({ url: own.url, name: 'spec', log: silentLog() })
  const store = createEventStore({ url: eventStoreUrl, log: silentLog() })
  const broker = await openTestBroker(vhost.url)
  const env = {
    DATABASE_URL: own.url,
    RABBITMQ_URL: vhost.url,
    EVENT_STORE_URL: eventStoreUrl,
    LOG_LEVEL: 'silent',
  }
  const open = (over: Record<string, string> = {}) => {
    const all = { ...env, ...over }
    return build(readSettings(Settings, all), all).service
  }
  let service = open()
  if (isServed) await service.start()
  const processes = new Set<Process>()

  /** Where answers go to; a stranger's own queue. */
  const { queue: replyTo } = await broker.channel.assertQueue('', { exclusive: true, durable: false })
  const answers = new Map<string, CommandAnswer>()
  const heard = new Map<string, CommandAnswer[]>()
  const hear = (content: Buffer, correlationId: string) => {
    const answer = JSON.parse(content.toString()) as CommandAnswer
    answers.set(correlationId, answer)
    heard.set(correlationId, [...(heard.get(correlationId) ?? []), answer])
  }
  await broker.channel.consume(
    replyTo,
    (message) => message && hear(message.content, String(message.properties.correlationId)),
    { noAck: true },
  )
  const publish = async (key: string, body: unknown, options: Options = {}): Promise<string> => {
    const correlationId = randomUUID()
    await broker.publish(exchanges.commands.name, key, body, { replyTo, correlationId, ...options })
    return correlationId
  }
  const answerOf = (correlationId: string) => eventually('an answer', () => answers.get(correlationId))

  return {
    db: database.db,
    databaseUrl: own.url,
    amqpUrl: vhost.url,
    store,
    broker,
    answers,
    heard,
    publish,
    answerOf,
    ask: async (key, body, options) => answerOf(await publish(key, body, options)),
    deadLetters: () => deadLettersOf(database.db),
    stopService: () => service.stop(),
    startAgain: async (over) => {
      service = open(over)
      await service.start()
    },
    spawn: async (over = {}) => {
      const process = await startProcess(main, { ...env, LOG_LEVEL: 'info', ...over })
      processes.add(process)
      return process
    },
    close: async () => {
      await service.stop()
      for (const process of processes) await process.kill()
      await Promise.all([broker.close(), database.stop(), store.stop()])
      await Promise.all([own.drop(), vhost.drop()])
    },
  }
}
