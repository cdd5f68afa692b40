import { fileURLToPath } from 'node:url'
import type { Environment, Log } from '@journey/runtime'
import { createProcess, type SupervisedProcess } from '../supervisor/process.js'
import { untilReady } from './health.js'

export type EventStoreProcess = SupervisedProcess & {
  /** `esdb://`, without TLS. */
  url(): string
  healthUrl(): string
}

/** The event store node as a process of its own, keeping its events in the PostgreSQL database of this address. */
export const createEventStoreProcess = (options: {
  stateDir: string
  port: number
  healthPort: number
  databaseUrl: string
  /** What else the process sees of our environment. */
  env?: Environment
  log: Log
}): EventStoreProcess => {
  const { stateDir, port, healthPort, databaseUrl, env = {}, log } = options
  const healthUrl = `http://127.0.0.1:${healthPort}`
  const main = fileURLToPath(new URL('../event-store-node/main.js', import.meta.url))
  const addresses = ['--host', '127.0.0.1', '--port', String(port), '--health-port', String(healthPort)]
  const node = createProcess({
    name: 'event-store',
    command: process.execPath,
    args: ['--enable-source-maps', main, ...addresses],
    env: { ...env, EVENT_STORE_DATABASE_URL: databaseUrl },
    stateDir,
    log,
    ready: (signal) => untilReady(healthUrl, signal),
  })
  return { ...node, url: () => `esdb://127.0.0.1:${port}?tls=false`, healthUrl: () => healthUrl }
}
