import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { Command } from 'commander'
import {
  createLog,
  createRegistry,
  healthServer,
  inOrder,
  messageOf,
  runUntilSignal,
  silentLog,
  type Log,
  type Part,
} from '@journey/runtime'
import { readUsers, type Users } from './access.js'
import { createEventStoreNode } from './event-store-node.js'
import { addMaintenance } from './maintenance/commands.js'
import { createOwnDatabase, withOwnDatabase } from './own-database.js'
import type { Certificate } from './grpc/server.js'
import { startFaultOf } from './start-fault.js'

const path = (process.env.PATH ?? '').split(':')

/** Where a node keeps its events: a PostgreSQL that is there, or one of its own in a folder. */
type Place = { data?: string; database?: string }

const dataOption = ['--data <folder>', 'keep the events in a PostgreSQL of its own in this folder'] as const
const databaseOption = [
  '--database <url>',
  'keep them in this postgres:// database; better given as EVENT_STORE_DATABASE_URL, which no process list shows',
] as const

const command = new Command('event-store')
  .description('An event store that speaks the protocol of one EventStoreDB node and keeps its events in PostgreSQL.')
  .option('--host <address>', 'address to listen on', '127.0.0.1')
  .option('--port <port>', 'port to listen on; 0 takes any free one', '2113')
  .option(...dataOption)
  .option(...databaseOption)
  .option('--tls-cert <file>', 'PEM file with the certificate, and those between it and its root; then TLS only')
  .option('--tls-key <file>', 'PEM file with the key of the certificate')
  .option('--health-host <address>', 'address of /health, /ready and /metrics', '127.0.0.1')
  .option('--health-port <port>', 'port of /health, /ready and /metrics; 0 takes any free one', '0')
  .option('--log-level <level>', 'trace, debug, info, warn, error, fatal or silent', process.env.LOG_LEVEL ?? 'info')
  .addHelpText(
    'after',
    `
One folder, and one database, serves one node. SIGTERM stops it; it can be killed at any time without losing an answered
append.

EVENT_STORE_USERS in the environment, or a file that EVENT_STORE_USERS_FILE names, says who may read and write: name:password,
one per line or separated by commas. Without users everyone may. Users need TLS, since clients send credentials over nothing else.

/metrics on the health port has event_store_appends_total, event_store_events_total, event_store_group_requests (how many appends
share one transaction), event_store_commit_seconds, and by kind (all, stream) event_store_subscriptions,
event_store_subscription_lag_events and event_store_subscription_lag_seconds of the slowest. /health answers as long as the node
lives, /ready says whether appends can be taken.

It writes JSON lines to standard output; the one whose msg is "listening" names its address. When it cannot start for a reason
such as a taken port, standard error says so in one line, and it exits 1.`,
  )

type ServeOptions = Place & {
  host: string
  port: string
  healthHost: string
  healthPort: string
  logLevel: string
  tlsCert?: string
  tlsKey?: string
}

const fileOf = (what: string, path: string): Promise<Buffer> =>
  readFile(path).catch((error: unknown) => command.error(`error: ${what} cannot be read: ${messageOf(error)}`))

/** The certificate with its key, as far as they were named and go together. */
const certificateOf = async ({ tlsCert, tlsKey }: ServeOptions): Promise<Certificate | undefined> => {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined)
    return command.error('error: --tls-cert and --tls-key go together: name both')
  const certificate = { cert: await fileOf('--tls-cert', tlsCert), key: await fileOf('--tls-key', tlsKey) }
  try {
    createSecureContext(certificate)
  } catch (error) {
    command.error(`error: --tls-cert and --tls-key are not a certificate and its key: ${messageOf(error)}`)
  }
  return certificate
}

const usersOf = async (certificate: Certificate | undefined): Promise<Users> => {
  const { EVENT_STORE_USERS: inline, EVENT_STORE_USERS_FILE: path } = process.env
  if (inline && path) return command.error('error: EVENT_STORE_USERS and EVENT_STORE_USERS_FILE: leave one out')
  let users: Users
  try {
    users = readUsers(path ? (await fileOf('EVENT_STORE_USERS_FILE', path)).toString('utf8') : (inline ?? ''))
  } catch (error) {
    return command.error(`error: ${messageOf(error)}`)
  }
  if (path && users.size === 0) return command.error(`error: there is no user in ${path}, so nobody could come in`)
  if (users.size > 0 && !certificate)
    return command.error('error: users need --tls-cert and --tls-key: clients send credentials over TLS only')
  return users
}

const portOf = (name: string, text: string): number => {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535)
    command.error(`error: ${name} must be a port from 0 to 65535, not '${text}'`)
  return port
}

const protocolOf = (url: string): string => (URL.canParse(url) ? new URL(url).protocol : '')

/** The place that was named; exits with a message when none was, or two. */
const placeOf = ({ data, database }: Place): { stateDir: string } | { databaseUrl: string } => {
  if (data !== undefined && database !== undefined)
    command.error('error: --data and --database name two places: leave one out')
  if (data !== undefined) return { stateDir: resolve(data) }
  const databaseUrl = database ?? process.env.EVENT_STORE_DATABASE_URL
  if (databaseUrl && /^postgres(ql)?:$/.test(protocolOf(databaseUrl))) return { databaseUrl }
  if (databaseUrl)
    return command.error('error: the database must be named by a URL like postgres://user@host:5432/name')
  return command.error(
    'error: say where the events are: --data <folder>, --database postgres://…, or EVENT_STORE_DATABASE_URL in the environment',
  )
}

const databaseAt = (place: ReturnType<typeof placeOf>, log: Log): Part & { url(): string } => {
  if ('stateDir' in place) return createOwnDatabase({ ...place, path, log })
  const nothing = () => Promise.resolve()
  return { name: 'database', start: nothing, stop: nothing, url: () => place.databaseUrl }
}

const serve = async (options: ServeOptions): Promise<void> => {
  const service = 'event-store'
  const log = createLog({ service, level: options.logLevel })
  const registry = createRegistry(service)
  const database = databaseAt(placeOf(options), log)
  const certificate = await certificateOf(options)
  const users = await usersOf(certificate)
  const { host } = options
  const [port, healthPort] = [portOf('--port', options.port), portOf('--health-port', options.healthPort)]
  let parts: Part | undefined
  const start = async (): Promise<void> => {
    await database.start()
    const node = createEventStoreNode({ host, port, databaseUrl: database.url(), log, registry, certificate, users })
    const checks = { postgresql: () => node.ready() }
    const health = healthServer({ host: options.healthHost, port: healthPort, checks, registry, info: { service } })
    parts = inOrder('event store node', [health, node], log)
    await parts.start()
    const address = `esdb://${host}:${node.address().port}?tls=${certificate !== undefined}`
    log.info({ address, healthPort: health.port() }, 'listening')
  }
  const stop = async (): Promise<void> => {
    await parts?.stop()
    await database.stop()
  }
  await runUntilSignal(inOrder('event store', [{ name: 'node and database', start, stop }], log), log, (error) =>
    startFaultOf(error, { port, healthPort }),
  )
}

command.enablePositionalOptions().action(serve)
addMaintenance(command, [dataOption, databaseOption], (options, work) => {
  const place = placeOf(options)
  return 'stateDir' in place ? withOwnDatabase({ ...place, path, log: silentLog() }, work) : work(place.databaseUrl)
})
await command.parseAsync()
