import { randomBytes } from 'node:crypto'
import type { Registry } from 'prom-client'
import {
  commandQueue,
  familyQueue,
  loadConfiguration,
  ownedBy,
  receivedFamilies,
  topologyFor,
  type Configuration,
} from '@journey/contracts'
import type { EventStore } from '@journey/event-store'
import { common, createServiceContainer, drainOf, frame, guarded } from '@journey/frame'
import { createDeciders, createHandleCommand, createRecordReceived } from '@journey/handlers'
import { createBrokerTeller, type Publisher } from '@journey/messaging'
import {
  claimReceivedId,
  createKeepDeadLetter,
  noteHeartbeat,
  noteReceived,
  purge,
  type Database,
} from '@journey/read-model'
import type { Environment, Log, Part } from '@journey/runtime'
import { createReply } from './answers.js'
import { createCommandConsumer } from './command-consumer.js'
import { createKeepCommand } from './dead-letters.js'
import { createCommandMeters } from './meters.js'
import { createOutcomes } from './outcomes.js'
import { createPurge } from './purge.js'
import type { Settings } from './settings.js'

const service = 'command-handler'

const tokens = { ...common, configuration: Symbol.for('configuration') }

/** Builds the service from its settings; the one place that knows what is made of what. */
export const build = (settings: Readonly<Settings>, env: Environment): { service: Part; log: Log } => {
  const now = () => new Date()
  const brokerOf = createBrokerTeller({
    amqpUrl: settings.amqpUrl,
    managementUrl: settings.amqpManagementUrl,
    clustered: settings.amqpClustered,
  })
  const container = createServiceContainer({
    service,
    settings,
    declare: () => ({ topology: async (server) => ownedBy(service, topologyFor(await brokerOf(server))) }),
  })
  container.bind<Configuration>(tokens.configuration).toDynamicValue(() => loadConfiguration(settings.configDir, env))

  container.bind<Part>(tokens.service).toDynamicValue((context) => {
    const log = context.get<Log>(tokens.log)
    const registry = context.get<Registry>(tokens.registry)
    const { policy, orchestrator } = context.get<Configuration>(tokens.configuration)
    const database = context.get<Database>(tokens.database)
    const store = context.get<EventStore>(tokens.eventStore)
    const publisher = context.get<Publisher>(tokens.publisher)
    const meters = createCommandMeters(registry)
    const { db } = database

    const deciders = createDeciders({
      store,
      policy,
      capacity: settings.aggregateCache,
      maxWeight: settings.aggregateCacheMiB * 1024 * 1024,
      snapshotEvery: settings.snapshotEvery,
      countSnapshot: (aggregate, outcome) => meters.snapshots.inc({ aggregate, outcome }),
      now,
      log,
    })
    const handle = createHandleCommand({
      deciders,
      outcomes: createOutcomes(db, {
        most: settings.prefetch,
        claimedBy: `${service}-${process.pid}-${randomBytes(4).toString('hex')}`, // every container has a process 1
      }),
      noteHeartbeat: (agentId, activeTasks) => noteHeartbeat(db, agentId, activeTasks),
    })
    const reply = createReply(publisher)
    const commands = guarded(context, {
      queue: commandQueue,
      handler: createCommandConsumer({ handle, reply, meters }),
    })
    const ids = {
      claim: (event: { id: string; digest: string; stream: string }) => claimReceivedId(db, event),
      note: (id: string, revision: number) => noteReceived(db, id, revision),
    }
    const recorders = receivedFamilies.map((family) =>
      guarded(context, { queue: familyQueue(family), handler: createRecordReceived({ store, ids, family }) }),
    )
    const keep = createKeepDeadLetter(db)
    const drain = drainOf(context, createKeepCommand({ keep, reply }))
    const drainEvents = drainOf(context, keep)
    return frame(context, {
      version: orchestrator.version,
      parts: [
        createPurge({ db, purge, hours: settings.commandRetentionHours, log }),
        drain(commandQueue),
        ...receivedFamilies.map((family) => drainEvents(familyQueue(family))),
        commands,
        ...recorders,
      ],
    })
  })

  return { service: container.get(tokens.service), log: container.get(tokens.log) }
}
