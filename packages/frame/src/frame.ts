import type { Registry } from 'prom-client'
import { applyLogLevel } from '@journey/contracts'
import type { EventStore } from '@journey/event-store'
import { createControl, type BusMeters, type Connection } from '@journey/messaging'
import { reportFigures, standingOrder, type Database } from '@journey/read-model'
import {
  asPart,
  createFigures,
  healthServer,
  inOrder,
  type Check,
  type Log,
  type LogLevel,
  type Part,
  type ServerSettings,
} from '@journey/runtime'
import { common, type Context } from './container.js'

export type FrameOptions = {
  /** What it does, in the order in which it starts. */
  parts: readonly Part[]
  /** Told by /health. */
  version?: string
  /** Beside those of its servers. */
  checks?: Record<string, Check>
  /** Whether an operator may pause its consumers. */
  isPausable?: boolean
  /** Done with a broadcast `reload`, once the log level is applied. */
  reloaded?: () => Promise<void>
}

/**
 * A service around its parts. It answers on its health port first, then meets PostgreSQL, the event store and the broker, hears its
 * operators, and only then starts its parts; it stops in the reverse order.
 */
export const frame = (context: Context, options: FrameOptions): Part => {
  const { parts, version, checks = {}, isPausable = true, reloaded } = options
  const service = context.get<string>(common.name)
  const settings = context.get<Readonly<ServerSettings>>(common.settings)
  const log = context.get<Log>(common.log)
  const registry = context.get<Registry>(common.registry)
  const database = context.get<Database>(common.database)
  const store = context.get<EventStore>(common.eventStore)
  const connection = context.get<Connection>(common.connection)
  const { db } = database
  const control = createControl({
    connection,
    service,
    pausable: isPausable,
    ...(isPausable && {
      standing: () => standingOrder(db, service),
      meters: context.get<BusMeters>(common.meters),
    }),
    reload: async (level: LogLevel | undefined) => {
      applyLogLevel(log, service, settings, level)
      await reloaded?.()
    },
    log,
  })
  const health = healthServer({
    host: settings.healthHost,
    port: settings.healthPort,
    registry,
    info: { service, ...(version !== undefined && { version }) },
    checks: {
      encryption: () => database.vault.check(),
      database: () => database.check(),
      event_store: () => store.check(),
      broker: () => connection.check(),
      ...(isPausable && { consumers: () => control.check() }),
      ...checks,
    },
  })
  return inOrder(
    service,
    [
      health,
      asPart('database', database),
      reportFigures({ db, service, read: createFigures(registry), log }),
      asPart('event store', store),
      connection,
      control,
      ...parts,
    ],
    log,
  )
}
