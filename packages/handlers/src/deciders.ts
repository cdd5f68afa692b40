import { randomUUID } from 'node:crypto'
import { Agent, Journey, UnitOfWork, type Actor } from '@journey/domain'
import {
  busTypes,
  commandKinds,
  decoded,
  streamOf,
  versionOf,
  type Decider,
  type DomainEvent,
  type ReadCommand,
  type StoredMetadata,
  type StoredType,
} from '@journey/contracts'
import {
  createRepository,
  createSnapshots,
  type Aggregate,
  type Consent,
  type EventStore,
  type Outcome,
  type SnapshotOutcome,
} from '@journey/event-store'
import type { Log } from '@journey/runtime'

/** What a command led to, now or when it came first (`repeated`): bus types of its events, and where its stream stands. */
export type Decided = { stream: string; revision: number; events: string[]; repeated: boolean }

/** Where commands are decided. */
export interface Deciders {
  /** Of the command's stream, as far as it is remembered; -1 when it is not. */
  rememberedRevision(read: ReadCommand): number
  /**
   * Decides a command on its stream and appends what was decided, once per command id.
   *
   * @throws refused with a code of `docs/codes.md`
   * @throws unavailable `event-store/away`, conflict `stream/moved`: nothing is lost by trying again
   * @throws what the consent throws
   */
  decide(read: ReadCommand, consent: Consent): Promise<Decided>
}

/**
 * @param capacity how many aggregates of each kind stay in memory, and `maxWeight` how large they may be in all
 * @param snapshotEvery events between two snapshots of a stream; 0: none are written
 * @param countSnapshot told of every snapshot, by aggregate
 */
export const createDeciders = ({
  store,
  policy,
  capacity,
  maxWeight,
  snapshotEvery = 0,
  countSnapshot = () => undefined,
  now,
  log,
}: {
  store: EventStore
  policy: Journey.Policy
  capacity: number
  maxWeight?: number
  snapshotEvery?: number
  countSnapshot?: (aggregate: Decider, outcome: SnapshotOutcome) => void
  now: () => Date
  log: Log
}): Deciders => {
  const repositoryOf = <State, Event>(aggregate: Decider, fold: Aggregate<State, Event>, schema: string) => {
    const count = (outcome: SnapshotOutcome) => countSnapshot(aggregate, outcome)
    const every = snapshotEvery === 0 ? Infinity : snapshotEvery
    const snapshots = createSnapshots({ store, fold, schema, every, count, log })
    return createRepository({ store, fold, capacity, maxWeight, snapshots, log })
  }
  const journeys = repositoryOf('journey', decoded<Journey.State, Journey.Event>(Journey), Journey.stateSchema)
  const works = repositoryOf(
    'unit_of_work',
    decoded<UnitOfWork.State, UnitOfWork.Event>(UnitOfWork),
    UnitOfWork.stateSchema,
  )
  const agents = repositoryOf('agent', decoded<Agent.State, Agent.Event>(Agent), Agent.stateSchema)

  const decide: Deciders['decide'] = async (read, consent) => {
    const { command, actor, commandId: id, digest } = read
    const stream = streamOf(command)
    const at = now().toISOString()
    const stamp = (events: readonly DomainEvent[]) =>
      events.map((event) => ({ ...event, metadata: metadataOf(read, at, versionOf(event.type)) }))
    const deciders: Record<Decider, () => Promise<Outcome>> = {
      journey: () =>
        journeys.transact(
          stream,
          { id, digest },
          ({ state, revision }) =>
            stamp(Journey.decide(command as Journey.Command, state, { actor, at, revision, policy })),
          consent,
        ),
      unit_of_work: () => {
        const entropy = randomUUID()
        return works.transact(
          stream,
          { id, digest },
          ({ state }) => stamp(UnitOfWork.decide(command as UnitOfWork.Command, state, { actor, at, entropy })),
          consent,
        )
      },
      agent: () =>
        agents.transact(
          stream,
          { id, digest },
          ({ state }) => stamp(Agent.decide(command as Agent.Command, state, { actor })),
          consent,
        ),
    }
    const { revision, eventTypes, repeated } = await deciders[commandKinds[command.type].decider]()
    return { stream, revision, events: eventTypes.map((type) => busTypes[type as StoredType]), repeated }
  }
  const repositories = { journey: journeys, unit_of_work: works, agent: agents }
  return {
    rememberedRevision: ({ command }) =>
      repositories[commandKinds[command.type].decider].rememberedRevision(streamOf(command)),
    decide,
  }
}

/** `$causationId` and the digest are the repository's to add. */
const metadataOf = (
  { command, actor, correlationId, sentAt, metadata }: ReadCommand,
  at: string,
  version: string,
): Omit<StoredMetadata, '$causationId' | 'command_digest'> & { traceparent?: string } => ({
  $correlationId: correlationId,
  version,
  timestamp: at,
  source: 'command-handler',
  actor: actor satisfies Actor,
  command_type: command.type,
  command_at: plausible(sentAt, at) ?? at,
  ...(typeof metadata.traceparent === 'string' && { traceparent: metadata.traceparent }),
})

/** Commands wait for a day at most; a time beyond that is of another clock, or an example's. */
const longestMs = 86_400_000

const plausible = (sentAt: string | undefined, now: string): string | undefined => {
  const ageMs = sentAt === undefined ? NaN : Date.parse(now) - Date.parse(sentAt)
  return ageMs >= 0 && ageMs <= longestMs ? new Date(sentAt!).toISOString() : undefined
}
