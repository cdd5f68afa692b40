import { randomUUID } from 'node:crypto'
import { exchanges, toBus, type Stored, type StoredMetadata } from '@journey/contracts'
import { Journey, journeyStream, type UnitOfWork } from '@journey/domain'
import { testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createEventStore, type EventStore } from '@journey/event-store'
import { openTestBroker, type TestBroker } from '@journey/messaging/testing'
import { createDatabase, noteHeartbeat, type Database } from '@journey/read-model'
import { testReadModel } from '@journey/read-model/testing'
import { readSettings, silentLog, type Part } from '@journey/runtime'
import { build } from '../container.js'
import { Settings } from '../settings.js'

/** A database and a virtual host of its own, with somebody who stores events, relays them, and listens to what is made of them. */
export type House = {
  db: Database['db']
  store: EventStore
  broker: TestBroker
  /** A saga-processor in this process; several may run side by side. */
  serve: (env?: Record<string, string>) => Promise<Part>
  /** Stores an event at the end of its stream, as the command-handler would. */
  record: (stream: string, event: Journey.Event | UnitOfWork.Event) => Promise<Stored>
  /** Publishes a stored event as the relay does; again and in any order, if asked so. */
  relay: (...events: Stored[]) => Promise<void>
  /** The first event of a new journey, stored. */
  startJourney: (clientId?: string) => Promise<Stored>
  /** An agent that registered and was heard just now. */
  agent: (agentId: string, intents: string[]) => Promise<void>
  close: () => Promise<void>
}

export const openHouse = async (): Promise<House> => {
  const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
  const database = createDatabase({ url: own.url, name: 'spec', log: silentLog() })
  const store = createEventStore({ url: testEventStoreUrl(), log: silentLog() })
  const broker = await openTestBroker(vhost.url)
  const { db } = database
  const services: Part[] = []

  const record: House['record'] = async (stream, { type, data }) => {
    const metadata: StoredMetadata = {
      $correlationId: 'spec',
      $causationId: randomUUID(),
      version: '1.0',
      timestamp: new Date().toISOString(),
      source: 'command-handler',
      actor: { type: 'user', id: 'dana' },
      command_type: 'spec',
      command_digest: 'spec',
    }
    await store.append(stream, 'any', [{ id: randomUUID(), type, data, metadata }])
    return (await store.readLast(stream))!
  }

  return {
    db,
    store,
    broker,
    serve: async (over = {}) => {
      const env = {
        DATABASE_URL: own.url,
        RABBITMQ_URL: vhost.url,
        EVENT_STORE_URL: testEventStoreUrl(),
        LOG_LEVEL: 'silent',
        ...over,
      }
      const { service } = build(readSettings(Settings, env), env)
      services.push(service)
      await service.start()
      return service
    },
    record,
    relay: async (...events) => {
      for (const event of events) {
        const body = toBus(event)!
        const headers = { stream: event.stream, revision: event.revision }
        const options = { messageId: event.id, type: body.event_type, headers }
        await broker.publish(exchanges.events.name, body.event_type, body, options)
      }
    },
    startJourney: async (client_id = `client-${randomUUID()}`) => {
      const data = {
        client_id,
        data_sources: ['jira'],
        connectors: ['jira'],
        users: [],
        pilot_cohort_size: 10,
        contract_signed: false,
        parameters: {},
      }
      const [started] = Journey.decide({ type: 'journey.start', data }, Journey.initial, {
        actor: { type: 'user', id: 'dana' },
        at: new Date().toISOString(),
        revision: -1,
        policy: { enabled: true, auto_promotion: true, auto_completion: false },
      })
      return record(journeyStream(client_id), started!)
    },
    agent: async (agent_id, intents) => {
      const at = new Date().toISOString()
      const row = { agent_id, name: agent_id, type: 'spec', version: '1', cognitive_pattern: null, created_by: 'spec' }
      await db
        .insertInto('agents')
        .values({ ...row, intents, registered_at: at, updated_at: at, revision: 0 })
        .execute()
      await noteHeartbeat(db, agent_id, 0)
    },
    close: async () => {
      for (const service of services) await service.stop()
      await Promise.all([broker.close(), database.stop(), store.stop()])
      await Promise.all([own.drop(), vhost.drop()])
    },
  }
}
