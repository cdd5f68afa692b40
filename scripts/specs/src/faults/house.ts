import { createStack, removeState, type Endpoints, type SupervisedProcess } from '@journey/embedded'
import { createCuttableLink, type CuttableLink } from '@journey/messaging/testing'
import { silentLog } from '@journey/runtime'
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { environmentOf, spawnService, startSystem, until, type System } from '../system.js'

const root = fileURLToPath(new URL('../../../..', import.meta.url))
const run = promisify(execFile)

/** The system with every way to its servers in our hands, and the servers as processes of their own. */
export type House = {
  system: System
  /** The servers' own addresses, past the links. */
  servers: Endpoints
  links: { broker: CuttableLink; database: CuttableLink; eventStore: CuttableLink }
  /** A service or a server. */
  process: (name: string) => SupervisedProcess
  /** Kills with SIGKILL and waits until the supervisor has started another. */
  kill: (name: string) => Promise<void>
  /** Runs SQL on a database of the servers, on a connection of its own. */
  sql: <Row extends pg.QueryResultRow>(database: 'journeys' | 'events', text: string) => Promise<pg.QueryResult<Row>>
  /** Opens a connection that is the caller's to end. */
  session: () => Promise<pg.Client>
  /** A second instance of a service, with more in its environment; `stop` kills it. */
  second: (service: string, env?: Record<string, string>) => Promise<{ kill: () => void }>
  /** `rabbitmqctl` of our broker. */
  rabbitmqctl: (...args: string[]) => Promise<void>
  stop: () => Promise<void>
}

export const openHouse = async (env: Record<string, string>): Promise<House> => {
  const stateDir = mkdtempSync(join(tmpdir(), 'journey-servers-'))
  chmodSync(stateDir, 0o711) // the servers' accounts have to get through
  const own = createStack({ root, stateDir, env: { PATH: process.env.PATH }, services: [], log: silentLog() })
  await own.start()
  const servers = own.endpoints()
  const links = {
    broker: await createCuttableLink(servers.amqp),
    database: await createCuttableLink(servers.database),
    eventStore: await createCuttableLink(servers.event_store),
  }
  const addresses = {
    RABBITMQ_URL: links.broker.url,
    RABBITMQ_MANAGEMENT_URL: servers.amqp_management ?? '',
    DATABASE_URL: links.database.url,
    EVENT_STORE_URL: links.eventStore.url,
  }
  const system = await startSystem({ ...addresses, ...env })
  await system.bus.close() // its way is cut too
  const seconds = new Set<{ kill: () => void }>()

  const processOf = (name: string): SupervisedProcess => {
    const found = system.stack.processes().get(name) ?? own.processes().get(name)
    if (!found) throw new Error(`there is no process ${name}`)
    return found
  }
  const session = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: database })
    client.on('error', () => undefined) // killed with its server
    await client.connect()
    return client
  }
  return {
    system,
    servers,
    links,
    process: processOf,
    kill: async (name) => {
      const child = processOf(name)
      const pid = child.pid()
      if (pid === undefined) throw new Error(`${name} is not running`)
      process.kill(pid, 'SIGKILL')
      await until(`${name} runs again`, () => Promise.resolve(child.pid() !== undefined && child.pid() !== pid))
    },
    sql: async <Row extends pg.QueryResultRow>(database: 'journeys' | 'events', text: string) => {
      const url = new URL(servers.database)
      if (database === 'events') url.pathname = '/event_store'
      const client = await session(url.href)
      try {
        return await client.query<Row>(text)
      } finally {
        await client.end()
      }
    },
    session: () => session(servers.database),
    second: async (service, more = {}) => {
      const env = environmentOf(processOf(service).pid() ?? 0)
      const child = spawnService(service, { ...env, JOURNEY_HEALTH_PORT: '0', ...more })
      const one = { kill: () => void child.kill('SIGKILL') }
      seconds.add(one)
      await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
      return one
    },
    rabbitmqctl: async (...args) => {
      const env = environmentOf(processOf('rabbitmq').pid() ?? 0)
      await run('/usr/lib/rabbitmq/bin/rabbitmqctl', args, { env: { PATH: '/usr/bin:/bin', ...env } })
    },
    stop: async () => {
      for (const one of seconds) one.kill()
      await system.stop()
      await Promise.all(Object.values(links).map((link) => link.close()))
      await own.stop()
      await removeState(stateDir)
    },
  }
}
