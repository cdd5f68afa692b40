import {
  loadConfiguration,
  notifierQueue,
  notifierReplayQueue,
  ownedBy,
  readProven,
  topologyFor,
  type Configuration,
} from '@journey/contracts'
import type { EventStore } from '@journey/event-store'
import { common, createServiceContainer, drainOf, frame, guarded } from '@journey/frame'
import { createNotifier, crmChannel, type Channel } from '@journey/handlers'
import { createWebhookClient, type WebhookClient } from '@journey/integrations'
import { attemptNextDelivery, hearDeliveries, relayProofs, storeDelivery, type Database } from '@journey/read-model'
import { asPart, inTheBackground, type Environment, type Log, type Part } from '@journey/runtime'
import { createCourier } from './courier.js'
import { createDeliver } from './delivery.js'
import { createDeliveryMeters, type DeliveryMeters } from './meters.js'
import type { Settings } from './settings.js'

const service = 'notifier'

const tokens = {
  ...common,
  deliveryMeters: Symbol.for('delivery meters'),
  configuration: Symbol.for('configuration'),
  crm: Symbol.for('crm channel'),
  crmClient: Symbol.for('crm webhook client'),
}

type Courier = ReturnType<typeof createCourier>

/** Builds the service from its settings; the one place that knows what is made of what. */
export const build = (settings: Readonly<Settings>, env: Environment): { service: Part; log: Log } => {
  const container = createServiceContainer({
    service,
    settings,
    poolSize: settings.crmWebhookConcurrency + 4, // each delivery under way holds one
    declare: () => ({ topology: ({ version }) => ownedBy(service, topologyFor({ version })) }),
  })
  container.bind<DeliveryMeters>(tokens.deliveryMeters).toDynamicValue((context) => {
    const crm = context.get<WebhookClient | undefined>(tokens.crmClient)
    return createDeliveryMeters(context.get(tokens.registry), crm ? { crm: () => crm.circuit } : {})
  })
  container.bind<Configuration>(tokens.configuration).toDynamicValue(() => loadConfiguration(settings.configDir, env))
  container
    .bind<Channel>(tokens.crm)
    .toDynamicValue(() => crmChannel({ url: settings.crmWebhookUrl, isEnabled: settings.isCrmWebhookEnabled }))
  container.bind<WebhookClient | undefined>(tokens.crmClient).toDynamicValue((context) => {
    if (!settings.isCrmWebhookEnabled) return undefined
    const { circuit_breaker } = context.get<Configuration>(tokens.configuration).orchestrator
    return createWebhookClient({
      url: settings.crmWebhookUrl,
      secret: settings.crmWebhookSecret,
      timeoutMs: settings.crmWebhookTimeoutMs,
      log: context.get(tokens.log),
      ...(circuit_breaker.enabled && {
        breaker: {
          failures: circuit_breaker.failure_threshold,
          openMs: circuit_breaker.timeout_seconds * 1000,
          probes: circuit_breaker.half_open_max_requests,
        },
      }),
    })
  })

  container.bind<Part>(tokens.service).toDynamicValue((context) => {
    const log = context.get<Log>(tokens.log)
    const meters = context.get<DeliveryMeters>(tokens.deliveryMeters)
    const { orchestrator } = context.get<Configuration>(tokens.configuration)
    const database = context.get<Database>(tokens.database)
    const store = context.get<EventStore>(tokens.eventStore)
    const crm = context.get<Channel>(tokens.crm)
    const client = context.get<WebhookClient | undefined>(tokens.crmClient)
    const { db } = database

    const courierOf = (channel: Channel, client: WebhookClient): Courier => {
      const deliver = createDeliver({
        channel: channel.name,
        send: (webhook) => client.send(webhook),
        schedule: { attempts: settings.crmWebhookAttempts, firstPauseMs: settings.crmWebhookRetryDelayMs },
        meters,
        log,
        now: () => new Date(),
      })
      return createCourier({
        concurrency: settings.crmWebhookConcurrency,
        log,
        attemptNext: (claimed) =>
          attemptNextDelivery(db, channel.name, channel.target, (delivery) => {
            claimed()
            return deliver(delivery)
          }),
      })
    }
    const courier = client && courierOf(crm, client)
    const hearOthers = (courier: Courier): Part =>
      inTheBackground('hearing of deliveries', (signal) =>
        hearDeliveries({
          url: settings.databaseUrl,
          name: `${service} listener`,
          heard: () => courier.ring(),
          log,
          signal,
        }),
      )
    const proofs = relayProofs(db)
    const hear = (queue: string, isReplay: boolean): Part =>
      guarded(context, {
        queue,
        bringsEvents: true,
        handler: createNotifier({
          read: async (message) => readProven(await proofs(), (stream, range) => store.read(stream, range), message),
          channels: [crm],
          store: (delivery) => storeDelivery(db, delivery),
          stored: (channel) => {
            if (channel.isEnabled) courier?.ring()
            else meters.deliveries.inc({ channel: channel.name, outcome: 'disabled' })
          },
          isReplay,
        }),
      })
    const drain = drainOf(context)
    return frame(context, {
      version: orchestrator.version,
      parts: [
        ...(client && courier ? [asPart('crm webhook client', client), courier, hearOthers(courier)] : []),
        drain(notifierQueue),
        drain(notifierReplayQueue),
        hear(notifierQueue, false),
        hear(notifierReplayQueue, true),
      ],
    })
  })

  return { service: container.get(tokens.service), log: container.get(tokens.log) }
}
