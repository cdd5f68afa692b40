import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  conflict,
  malformed,
  messageOf,
  readSettings,
  ServerSettings,
  unavailable,
  type Environment,
  type Log,
  type Part,
} from '@journey/runtime'
import { ensureDatabase } from '../postgres/databases.js'
import { createPostgres } from '../postgres/postgres.js'
import { brokerPorts, createRabbitMq } from '../rabbitmq/rabbitmq.js'
import { lockState } from '../state/lock.js'
import { createPorts, type Ports } from '../state/ports.js'
import { secretFile, secretOf } from '../state/secret.js'
import { stopLeftovers } from '../supervisor/leftovers.js'
import type { SupervisedProcess } from '../supervisor/process.js'
import { removeEndpoints, writeEndpoints, type Endpoints } from './endpoints.js'
import { createEventStoreProcess } from './event-store.js'
import { checkGiven, checkGivenDatabase } from './given-servers.js'
import { migrate } from './migrations.js'
import { createServiceProcess, serviceNames } from './services.js'
import { createSteps, type OnStep } from './steps.js'

export type StackOptions = {
  /** The checkout: where `services/`, `migrations/` and `infra/config` lie. */
  root: string
  /** Where data, secrets, ports and logs are kept from start to start. */
  stateDir: string
  /** The settings, as in `process.env`; servers whose address is in here are used instead of embedded ones. */
  env: Environment
  /** Which services to start; all by default. */
  services?: readonly string[]
  /** Whether the reference agents are among them; by default unless `JOURNEY_AGENTS` is `off`. */
  agents?: boolean
  log: Log
  onStep?: OnStep
}

export type Stack = Part & {
  /** Where everything listens; known once started. */
  endpoints(): Endpoints
  /** Every process of the stack by its name: `postgres`, `rabbitmq`, `event-store` and the services. */
  processes(): ReadonlyMap<string, SupervisedProcess>
}

/**
 * The whole system on one machine: the servers that no setting names, the migrated database, and every service as a
 * supervised process. `start()` resolves when every `/ready` says yes, and `endpoints.json` is there until `stop()`. A failed
 * start stops what was started. The same folder finds its data and its ports again.
 *
 * @throws malformed `settings/invalid`; conflict `embedded/state_in_use`, `embedded/port_taken`; unavailable with the
 *   reason that a server or service did not come up
 */
export const createStack = (options: StackOptions): Stack => {
  const { root, env, log, onStep = () => undefined } = options
  const stateDir = resolve(options.stateDir)
  const step = createSteps(onStep)
  const processes = new Map<string, SupervisedProcess>()
  let endpoints: Endpoints | undefined
  let release: (() => void) | undefined
  let starting: Promise<void> = Promise.resolve()
  let isWanted = false

  /** Starts a process, to be stopped with the stack from now on. */
  const run = async <P extends SupervisedProcess>(process: P): Promise<P> => {
    if (!isWanted) throw unavailable('embedded/stopped', 'The start was interrupted.')
    processes.set(process.name, process)
    await process.start()
    return process
  }

  const startAll = async (): Promise<void> => {
    const settings = readSettings(ServerSettings, env)
    release = lockState(stateDir)
    const leftovers = await stopLeftovers(stateDir)
    if (leftovers.length > 0) log.warn({ leftovers }, 'stopped what an earlier start had left running')
    const ports = createPorts(stateDir)
    const names = servicesOf(options)
    const apiPort = names.includes('api') ? await apiPortOf(env, ports) : 0
    const path = (env.PATH ?? '').split(':').filter((folder) => folder.startsWith('/'))

    const given = {
      amqp: env.RABBITMQ_URL || env.RABBITMQ_HOST ? settings.amqpUrl : undefined,
      database: env.DATABASE_URL || env.JOURNEY_STATE_DB_HOST ? settings.databaseUrl : undefined,
      eventStore: env.EVENT_STORE_URL || env.JOURNEY_EVENT_STORE_HOST ? settings.eventStoreUrl : undefined,
    }
    const urls: Pick<Endpoints, 'amqp' | 'amqp_management' | 'database' | 'event_store'> = {
      amqp: given.amqp ?? '',
      amqp_management: settings.amqpManagementUrl ?? null,
      database: given.database ?? '',
      event_store: given.eventStore ?? '',
    }
    const health: Record<string, string> = {}

    const startRabbitMq = () =>
      step('rabbitmq', async (note) => {
        if (given.amqp) return checkGiven('RABBITMQ_URL', given.amqp, 5672)
        const rabbitmq = await run(createRabbitMq({ stateDir, ports: await brokerPorts(ports), log, note }))
        urls.amqp = rabbitmq.url()
        urls.amqp_management = rabbitmq.managementUrl()
        return `on port ${new URL(urls.amqp).port}`
      })

    const startDatabases = async (): Promise<void> => {
      let postgresUrl = ''
      await step('postgresql', async (note) => {
        if (given.database) {
          const found = await checkGivenDatabase('DATABASE_URL', given.database)
          if (given.eventStore) return found
        }
        const postgres = await run(createPostgres({ stateDir, port: await ports.of('postgres'), path, log, note }))
        postgresUrl = postgres.url()
        if (!given.database) urls.database = await ensureDatabase(postgresUrl, settings.stateDbName)
        return `on port ${new URL(postgresUrl).port}`
      })
      await Promise.all([
        step('event store', async () => {
          if (given.eventStore) return checkGiven('EVENT_STORE_URL', given.eventStore, 2113)
          const eventStore = await run(
            createEventStoreProcess({
              stateDir,
              port: await ports.of('event_store'),
              healthPort: await ports.of('event_store_health'),
              databaseUrl: await ensureDatabase(postgresUrl, 'event_store'),
              env,
              log,
            }),
          )
          urls.event_store = eventStore.url()
          health['event-store'] = eventStore.healthUrl()
          return `on port ${new URL(urls.event_store).port}`
        }),
        step('migrations', () => migrate(root, { ...env, DATABASE_URL: urls.database })),
      ])
    }

    await allOf([startRabbitMq(), startDatabases()])

    const isTokenOurs = env.JOURNEY_AUTH === 'token' && !env.JOURNEY_API_TOKEN
    const serviceEnv: Environment = {
      JOURNEY_AUTH: 'off',
      JOURNEY_API_HOST: '127.0.0.1',
      JOURNEY_CONFIG_DIR: join(root, 'infra/config'),
      ...env,
      DATABASE_URL: urls.database,
      RABBITMQ_URL: urls.amqp,
      EVENT_STORE_URL: urls.event_store,
      JOURNEY_API_PORT: String(apiPort),
      ...(urls.amqp_management === null ? {} : { RABBITMQ_MANAGEMENT_URL: urls.amqp_management }),
      ...(isTokenOurs ? { JOURNEY_API_TOKEN: secretOf(stateDir, 'api-token') } : {}),
    }
    await allOf(
      names.map((name) =>
        step(name, async () => {
          const healthPort = await ports.of(`${name}_health`)
          await run(createServiceProcess({ root, name, stateDir, healthPort, env: serviceEnv, log }))
          health[name] = `http://127.0.0.1:${healthPort}`
          return name === 'api' ? portDetail(apiPort, env) : ''
        }),
      ),
    )

    endpoints = {
      api: names.includes('api') ? `http://127.0.0.1:${apiPort}` : null,
      ...urls,
      token_file: isTokenOurs ? secretFile(stateDir, 'api-token') : null,
      services: health,
    }
    writeEndpoints(stateDir, endpoints)
  }

  const stopAll = async (): Promise<void> => {
    removeEndpoints(stateDir)
    endpoints = undefined
    const servers = ['event-store', 'rabbitmq', 'postgres']
    const stop = (names: string[]) =>
      Promise.all(names.flatMap((name) => processes.get(name) ?? []).map((process) => process.stop()))
    await stop([...processes.keys()].filter((name) => !servers.includes(name)))
    await stop(['event-store'])
    await stop(['rabbitmq', 'postgres'])
    processes.clear()
    release?.()
    release = undefined
  }

  return {
    name: 'stack',
    processes: () => processes,
    endpoints: () => {
      if (!endpoints) throw unavailable('embedded/stopped', 'The stack does not run.')
      return endpoints
    },
    start: async () => {
      isWanted = true
      const started = startAll()
      starting = started.catch(() => undefined)
      try {
        await started
      } catch (error) {
        if (release) await stopAll()
        throw error
      }
    },
    stop: async () => {
      isWanted = false
      if (release) await stopAll()
      await starting
    },
  }
}

const servicesOf = ({ services = serviceNames, agents, env }: StackOptions): string[] =>
  services.filter((name) => name !== 'agents' || (agents ?? env.JOURNEY_AGENTS !== 'off'))

const portDetail = (port: number, env: Environment): string =>
  `on port ${port}${port === 8080 || env.JOURNEY_API_PORT ? '' : ', since 8080 is taken'}`

/** The port that was asked for, else 8080, else a free one. */
const apiPortOf = async (env: Environment, ports: Ports): Promise<number> => {
  const asked = env.JOURNEY_API_PORT
  if (!asked) return (await ports.take(8080)) ? 8080 : ports.of('api')
  const port = Number(asked)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw malformed('settings/invalid', 'JOURNEY_API_PORT must be a port from 0 to 65535')
  if (port === 0) return ports.of('api')
  if (await ports.take(port)) return port
  throw conflict(
    'embedded/port_taken',
    `Port ${port} (JOURNEY_API_PORT) is taken by another program. Stop that one, or name another port; without ` +
      'JOURNEY_API_PORT a free one is chosen.',
  )
}

/** Once one has failed, the others get a moment to tell their reasons too. */
const graceMs = 2_000

/** Waits for all; fails with every reason when some failed. */
const allOf = async (works: readonly Promise<void>[]): Promise<void> => {
  const reasons: unknown[] = []
  const settled = Promise.allSettled(works.map((work) => work.catch((reason: unknown) => reasons.push(reason))))
  await Promise.all(works).catch(() => Promise.race([settled, sleep(graceMs)]))
  if (reasons.length === 1) throw reasons[0]
  if (reasons.length > 1)
    throw unavailable('embedded/start_failed', [...new Set(reasons.map(messageOf))].join('\n'), reasons[0])
}
