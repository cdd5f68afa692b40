import { chmodSync } from 'node:fs'
import { silentLog, type Part } from '@journey/runtime'
import { ensureDatabase } from '../postgres/databases.js'
import { createPostgres } from '../postgres/postgres.js'
import { brokerPorts, createRabbitMq } from '../rabbitmq/rabbitmq.js'
import { createEventStoreProcess } from '../stack/event-store.js'
import { lockState } from '../state/lock.js'
import { createPorts } from '../state/ports.js'
import { removeState } from '../state/remove.js'
import type { TestEnvironment } from './environment.js'

/**
 * The servers of one test run: a PostgreSQL, a RabbitMQ and an event store node on ports of their own, with all their data in
 * `stateDir`, which `stop()` removes.
 */
export const createTestServers = async (options: {
  stateDir: string
  /** Folders to look for PostgreSQL in first, as in PATH. */
  path: readonly string[]
}): Promise<Part & { env(): TestEnvironment }> => {
  const { stateDir, path } = options
  const log = silentLog()
  chmodSync(stateDir, 0o711) // the servers' accounts have to get through
  lockState(stateDir)
  const ports = createPorts(stateDir)
  // Nothing here has to survive the machine, so nothing waits for the disk.
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
  const postgres = createPostgres({ stateDir, port: await ports.of('postgres'), path, settings, log })
  const rabbitmq = createRabbitMq({ stateDir, ports: await brokerPorts(ports), log })
  const eventStore = createEventStoreProcess({
    stateDir,
    port: await ports.of('event_store'),
    healthPort: await ports.of('event_store_health'),
    databaseUrl: postgres.url('event_store'),
    log,
  })
  const stop = async () => {
    await eventStore.stop()
    await Promise.all([postgres.stop(), rabbitmq.stop()])
    await removeState(stateDir)
  }
  return {
    name: 'test servers',
    stop,
    start: async () => {
      const started = await Promise.allSettled([
        rabbitmq.start(),
        postgres
          .start()
          .then(() => ensureDatabase(postgres.url(), 'event_store'))
          .then(() => eventStore.start()),
      ])
      for (const result of started) {
        if (result.status === 'fulfilled') continue
        await stop()
        throw result.reason
      }
    },
    env: () => ({
      JOURNEY_TEST_DATABASE_URL: postgres.url(),
      JOURNEY_TEST_RABBITMQ_URL: rabbitmq.url(),
      JOURNEY_TEST_RABBITMQ_MANAGEMENT_URL: rabbitmq.managementUrl(),
      JOURNEY_TEST_EVENT_STORE_URL: eventStore.url(),
    }),
  }
}
