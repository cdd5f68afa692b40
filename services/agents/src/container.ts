import 'reflect-metadata'
import { createAgent } from '@journey/agent'
import { applyLogLevel, exchanges, logLevelOf } from '@journey/contracts'
import { createConnection, createControl, type Connection } from '@journey/messaging'
import { createLog, createRegistry, healthServer, inOrder, type Log, type Part } from '@journey/runtime'
import { Container } from 'inversify'
import type { Registry } from 'prom-client'
import { performing } from './performing.js'
import { roster } from './roster.js'
import type { Settings } from './settings.js'
import { together } from './together.js'

const service = 'agents'

const tokens = {
  log: Symbol.for('log'),
  registry: Symbol.for('registry'),
  connection: Symbol.for('connection'),
  agents: Symbol.for('agents'),
  service: Symbol.for('service'),
}

/** Builds the process of the reference agents from its settings: all agents on one connection. */
export const build = (settings: Readonly<Settings>): { service: Part; log: Log } => {
  const container = new Container({ defaultScope: 'Singleton' })
  const { delayMs, failureRate, measurements, prefetch, heartbeatSeconds } = settings

  container
    .bind<Log>(tokens.log)
    .toDynamicValue(() => createLog({ service, level: logLevelOf(service, settings).level }))
  container.bind<Registry>(tokens.registry).toDynamicValue(() => createRegistry(service))
  container.bind<Connection>(tokens.connection).toDynamicValue((context) =>
    createConnection({
      url: settings.amqpUrl,
      name: service,
      log: context.get(tokens.log),
      topology: () => ({ exchanges: [exchanges.control], queues: [] }),
    }),
  )
  container.bind<Part>(tokens.agents).toDynamicValue((context) =>
    together(
      'agents',
      roster({ measurements, now: () => new Date() }).map(({ intents, ...agent }) =>
        createAgent({
          ...agent,
          intents: Object.fromEntries(
            Object.entries(intents).map(([intent, work]) => [intent, performing(work, { delayMs, failureRate })]),
          ),
          connection: context.get<Connection>(tokens.connection),
          log: context.get(tokens.log),
          registry: context.get(tokens.registry),
          prefetch,
          heartbeatMs: heartbeatSeconds * 1000,
        }),
      ),
    ),
  )
  container.bind<Part>(tokens.service).toDynamicValue((context) => {
    const connection = context.get<Connection>(tokens.connection)
    const log = context.get<Log>(tokens.log)
    const control = createControl({
      connection,
      service,
      reload: (level) => applyLogLevel(log, service, settings, level),
      log,
    })
    const health = healthServer({
      host: settings.healthHost,
      port: settings.healthPort,
      registry: context.get(tokens.registry),
      info: { service },
      checks: { broker: () => connection.check(), consumers: () => control.check() },
    })
    return inOrder(service, [health, connection, control, context.get<Part>(tokens.agents)], log)
  })

  return { service: container.get(tokens.service), log: container.get(tokens.log) }
}
