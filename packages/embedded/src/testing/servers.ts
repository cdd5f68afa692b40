import { chmodSync, existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog, type Part } from '@journey/runtime'
import { ensureDatabase } from '../postgres/databases.js'
import { createPostgres } from '../postgres/postgres.js'
import { brokerPorts, createRabbitMq } from '../rabbitmq/rabbitmq.js'
import { createEventStoreProcess } from '../stack/event-store.js'
import { holderOf, lockState } from '../state/lock.js'
import { createPorts } from '../state/ports.js'
import { removeState } from '../state/remove.js'
import type { SupervisedProcess } from '../supervisor/process.js'
import type { TestEnvironment } from './environment.js'

const folderPrefix = 'journey-test-'

/**
 * The servers of one test run: a PostgreSQL, a RabbitMQ and an event store node on ports of their own, with all their data in
 * a temporary folder, which `stop()` removes. What a killed run has left behind is removed too.
 *
 * @param path folders to look for PostgreSQL in first, as in PATH
 */
export const createTestServers = async (path: readonly string[]): Promise<Part & { env(): TestEnvironment }> => {
  await removeAbandoned()
  const stateDir = mkdtempSync(join(tmpdir(), folderPrefix))
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
    await Promise.all([postgres.stop(), killed(rabbitmq)])
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

/** RabbitMQ takes 6 s to stop with its plugins, and nothing of what it stored is wanted. */
const killed = (server: SupervisedProcess): Promise<void> => {
  const pid = server.pid()
  const stopped = server.stop()
  if (pid !== undefined) process.kill(pid, 'SIGKILL')
  return stopped
}

const removeAbandoned = async (): Promise<void> => {
  for (const name of readdirSync(tmpdir()).filter((name) => name.startsWith(folderPrefix))) {
    const folder = join(tmpdir(), name)
    if (existsSync(join(folder, 'lock')) && !holderOf(folder)) await removeState(folder).catch(() => undefined)
  }
}
