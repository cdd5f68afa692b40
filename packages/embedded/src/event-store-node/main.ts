import { resolve } from 'node:path'
import { Command } from 'commander'
import {
  createLog,
  createRegistry,
  healthServer,
  inOrder,
  runUntilSignal,
  silentLog,
  type Log,
  type Part,
} from '@journey/runtime'
import { createEventStoreNode } from './event-store-node.js'
import { addMaintenance } from './maintenance/commands.js'
import { createOwnDatabase, withOwnDatabase } from './own-database.js'

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
  .option('--health-host <address>', 'address of /health, /ready and /metrics', '127.0.0.1')
  .option('--health-port <port>', 'port of /health, /ready and /metrics; 0 takes any free one', '0')
  .option('--log-level <level>', 'trace, debug, info, warn, error, fatal or silent', process.env.LOG_LEVEL ?? 'info')
  .addHelpText(
    'after',
    `
One folder, and one database, serves one node. SIGTERM stops it; it can be killed at any time without losing an answered
append. It writes JSON lines to standard output; the one whose msg is "listening" names its address.`,
  )

type ServeOptions = Place & { host: string; port: string; healthHost: string; healthPort: string; logLevel: string }

const portOf = (name: string, text: string): number => {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535)
    command.error(`error: ${name} must be a port from 0 to 65535, not '${text}'`)
  return port
}

/** The place that was named; exits with a message when none was, or two. */
const placeOf = ({ data, database }: Place): { stateDir: string } | { databaseUrl: string } => {
  if (data !== undefined && database !== undefined)
    command.error('error: --data and --database name two places: leave one out')
  if (data !== undefined) return { stateDir: resolve(data) }
  const databaseUrl = database ?? process.env.EVENT_STORE_DATABASE_URL
  if (databaseUrl) return { databaseUrl }
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
  const { host } = options
  const [port, healthPort] = [portOf('--port', options.port), portOf('--health-port', options.healthPort)]
  let parts: Part | undefined
  const start = async (): Promise<void> => {
    await database.start()
    const node = createEventStoreNode({ host, port, databaseUrl: database.url(), log, registry })
    const checks = { postgresql: () => node.ready() }
    const health = healthServer({ host: options.healthHost, port: healthPort, checks, registry, info: { service } })
    parts = inOrder('event store node', [health, node], log)
    await parts.start()
    const address = `esdb://${host}:${node.address().port}?tls=false`
    log.info({ address, healthPort: health.port() }, 'listening')
  }
  const stop = async (): Promise<void> => {
    await parts?.stop()
    await database.stop()
  }
  await runUntilSignal(inOrder('event store', [{ name: 'node and database', start, stop }], log), log)
}

command.enablePositionalOptions().action(serve)
addMaintenance(command, [dataOption, databaseOption], (options, work) => {
  const place = placeOf(options)
  return 'stateDir' in place ? withOwnDatabase({ ...place, path, log: silentLog() }, work) : work(place.databaseUrl)
})
await command.parseAsync()
