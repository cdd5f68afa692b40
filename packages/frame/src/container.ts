import 'reflect-metadata'
import { Container, type ResolutionContext } from 'inversify'
import type { Registry } from 'prom-client'
import { logLevelOf, sealOf } from '@journey/contracts'
import { createEventStore, sealedStore, type EventStore } from '@journey/event-store'
import {
  createBusMeters,
  createConnection,
  createPublisher,
  type BusMeters,
  type Connection,
  type ConnectionOptions,
  type Publisher,
} from '@journey/messaging'
import { createDatabase, type Database } from '@journey/read-model'
import { createLog, createRegistry, type Log, type ServerSettings } from '@journey/runtime'

/** What every service on the bus has, by the tokens that `createServiceContainer` binds; a service adds its own to them. */
export const common = {
  name: Symbol.for('service name'),
  settings: Symbol.for('settings'),
  log: Symbol.for('log'),
  registry: Symbol.for('registry'),
  meters: Symbol.for('bus meters'),
  database: Symbol.for('database'),
  /** The event store, what is sealed in it opened. */
  eventStore: Symbol.for('event store'),
  /** The same, as it is stored. */
  sealedEventStore: Symbol.for('event store as it is stored'),
  connection: Symbol.for('connection'),
  publisher: Symbol.for('publisher'),
  service: Symbol.for('service'),
} as const

/** Where a service gets its things, by their tokens. */
export type Context = Pick<ResolutionContext, 'get'>

export type ServiceOptions = {
  service: string
  settings: Readonly<ServerSettings>
  /** How many connections to PostgreSQL it may have. */
  poolSize?: number
  /** What it declares at the broker, and how. */
  declare: (context: Context) => Pick<ConnectionOptions, 'topology' | 'whileDeclaring'>
  /** How long a message may take to be safe on the bus. */
  publishLimitMs?: number
}

/** A container with what every service on the bus has, each thing made when it is first asked for, and once. */
export const createServiceContainer = (options: ServiceOptions): Container => {
  const { service, settings, poolSize, declare, publishLimitMs } = options
  const container = new Container({ defaultScope: 'Singleton' })
  container.bind<string>(common.name).toConstantValue(service)
  container.bind<Readonly<ServerSettings>>(common.settings).toConstantValue(settings)
  container
    .bind<Log>(common.log)
    .toDynamicValue(() => createLog({ service, level: logLevelOf(service, settings).level }))
  container.bind<Registry>(common.registry).toDynamicValue(() => createRegistry(service))
  container.bind<BusMeters>(common.meters).toDynamicValue((context) => createBusMeters(context.get(common.registry)))
  container.bind<Database>(common.database).toDynamicValue((context) =>
    createDatabase({
      url: settings.databaseUrl,
      encryption: settings.encryption,
      name: service,
      log: context.get(common.log),
      ...(poolSize !== undefined && { poolSize }),
    }),
  )
  container
    .bind<EventStore>(common.sealedEventStore)
    .toDynamicValue((context) => createEventStore({ url: settings.eventStoreUrl, log: context.get(common.log) }))
  container
    .bind<EventStore>(common.eventStore)
    .toDynamicValue((context) =>
      sealedStore(
        context.get(common.sealedEventStore),
        sealOf(context.get<Database>(common.database).vault, context.get(common.log)),
      ),
    )
  container
    .bind<Connection>(common.connection)
    .toDynamicValue((context) =>
      createConnection({ url: settings.amqpUrl, name: service, log: context.get(common.log), ...declare(context) }),
    )
  container.bind<Publisher>(common.publisher).toDynamicValue((context) =>
    createPublisher({
      connection: context.get(common.connection),
      meters: context.get(common.meters),
      ...(publishLimitMs !== undefined && { timeoutMs: publishLimitMs }),
    }),
  )
  return container
}
