import { Command } from 'commander'
import { createLog, createRegistry, healthServer, inOrder, runUntilSignal } from '@journey/runtime'
import { createEventStoreNode } from './event-store-node.js'

const command = new Command('event-store')
  .description(
    'An event store that speaks the protocol of one insecure EventStoreDB node and keeps its events in PostgreSQL.',
  )
  .option('--host <address>', 'address to listen on', '127.0.0.1')
  .option('--port <port>', 'port to listen on; 0 takes any free one', '2113')
  .option('--database <url>', 'postgres:// URL; better given as EVENT_STORE_DATABASE_URL, which no process list shows')
  .option('--health-host <address>', 'address of /health, /ready and /metrics', '127.0.0.1')
  .option('--health-port <port>', 'port of /health, /ready and /metrics; 0 takes any free one', '0')
  .option('--log-level <level>', 'trace, debug, info, warn, error, fatal or silent', process.env.LOG_LEVEL ?? 'info')
  .addHelpText(
    'after',
    '\nOne database serves one node. SIGTERM stops it; it can be killed at any time without losing an answered append.',
  )
  .parse()

type Options = {
  host: string
  port: string
  database?: string
  healthHost: string
  healthPort: string
  logLevel: string
}
const options = command.opts<Options>()
const databaseUrl = options.database ?? process.env.EVENT_STORE_DATABASE_URL
if (databaseUrl === undefined || databaseUrl === '')
  command.error('error: name the database: --database postgres://…, or EVENT_STORE_DATABASE_URL in the environment')

const portOf = (name: string, text: string): number => {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535)
    command.error(`error: ${name} must be a port from 0 to 65535, not '${text}'`)
  return port
}

const service = 'event-store'
const log = createLog({ service, level: options.logLevel })
const registry = createRegistry(service)
const node = createEventStoreNode({
  host: options.host,
  port: portOf('--port', options.port),
  databaseUrl: databaseUrl ?? '',
  log,
  registry,
})
const health = healthServer({
  host: options.healthHost,
  port: portOf('--health-port', options.healthPort),
  checks: { postgresql: () => node.ready() },
  registry,
  info: { service },
})
const announce = {
  name: 'announcement',
  start: () => {
    const { host, port } = node.address()
    log.info({ address: `esdb://${host}:${port}?tls=false`, healthPort: health.port() }, 'listening')
    return Promise.resolve()
  },
  stop: () => Promise.resolve(),
}
await runUntilSignal(inOrder('event store', [health, node, announce], log), log)
