import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { exchanges, fromStored, proofHeader, toBus, type Stored } from '@journey/contracts'
import { testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createEventStore } from '@journey/event-store'
import { eventually, openTestBroker } from '@journey/messaging/testing'
import { createDatabase, relayProofs } from '@journey/read-model'
import { actions, actualRows, expectedRows, logOf, testReadModel, type Move } from '@journey/read-model/testing'
import { readSettings, silentLog } from '@journey/runtime'
import { build } from './container.js'
import { Settings } from './settings.js'
import { publicationOf, stored } from './testing/events.js'

const moves = Array.from({ length: 120 }, (_, n): Move => ({
  client: n % 3,
  action: n < 3 ? 'start' : actions[(n * 31) % actions.length]!,
  pick: n % 17,
}))

const setup = async () => {
  const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
  const broker = await openTestBroker(vhost.url)
  const store = createEventStore({ url: testEventStoreUrl(), log: silentLog() })
  const database = createDatabase({ url: own.url, name: 'spec', log: silentLog() })
  const { db } = database
  const name = `forged-${randomUUID()}`
  const log = await stored(store, logOf(moves, name))
  const proofs = await relayProofs(db)()
  const { service } = build(
    readSettings(Settings, {
      DATABASE_URL: own.url,
      RABBITMQ_URL: vhost.url,
      EVENT_STORE_URL: testEventStoreUrl(),
      LOG_LEVEL: 'silent',
    }),
  )
  await service.start()
  const expected = expectedRows(log.flatMap((one) => fromStored(one) ?? []))
  const letters = () => db.selectFrom('dead_letters').select(['reason', 'code']).execute()
  return {
    ...{ db, name, log, broker, letters },
    gates: async () =>
      new Map((await db.selectFrom('projection_gates').selectAll().execute()).map((one) => [one.stream, one.revision])),
    /** As the relay publishes it; as it did before there were proofs when told so. */
    publish: (event: Stored, by: typeof proofs | 'nobody' = proofs) => {
      const { key, body, properties } = publicationOf(event, by === 'nobody' ? undefined : by)
      return broker.publish(exchanges.events.name, key, body, properties)
    },
    /** What a stranger makes of an event: another reason, and whatever is said here. */
    forge: (
      event: Stored,
      over: { stream?: string; revision?: number; id?: string; proof?: string | undefined } = {},
    ) => {
      const { id = randomUUID(), stream = event.stream, revision = event.revision, proof } = over
      const told = toBus({ ...event, id, stream, revision })!
      const body = { ...told, data: { ...told.data, client_id: `${name}-0`, reason: 'a lie' } }
      const { key, properties } = publicationOf(event)
      const headers = { stream, revision, position: String(event.position), ...(proof && { [proofHeader]: proof }) }
      return broker.publish(exchanges.events.name, key, body, { ...properties, messageId: id, headers })
    },
    proofOf: (event: Stored) => publicationOf(event, proofs).properties.headers[proofHeader],
    mustHaveAll: async () => {
      const isSo = async () => JSON.stringify(await actualRows(db)) === JSON.stringify(expected)
      await eventually('all rows', isSo, 20_000).catch(() => undefined)
      expect(await actualRows(db)).to.deep.equal(expected)
    },
    foreign: (count: number) =>
      eventually(
        `${count} dead letters`,
        async () => {
          const found = await letters()
          return found.length === count && found
        },
        20_000,
      ),
    parked: () => db.selectFrom('parked_streams').selectAll().execute(),
    stop: async () => {
      await service.stop()
      await Promise.all([broker.close(), store.stop(), database.stop()])
      await Promise.all([own.drop(), vhost.drop()])
    },
  }
}

const withProjector = async (use: (house: Awaited<ReturnType<typeof setup>>) => Promise<void>): Promise<void> => {
  const house = await setup()
  try {
    await use(house)
  } finally {
    await house.stop()
  }
}

describe('events that somebody else publishes under the projector’s keys', () => {
  it('are dead letters wherever they say they stand, and change neither rows nor gates', () =>
    withProjector(async ({ name, log, publish, forge, proofOf, mustHaveAll, foreign, gates, parked }) => {
      const journeys = log.filter(({ stream }) => stream.startsWith('journey-'))
      const last = journeys.at(-1)!
      await forge(last, { revision: 0 }) // the first that the gate lets through
      for (const event of log) await publish(event)
      await mustHaveAll()
      const before = await gates()
      await forge(last, { revision: last.revision + 1 })
      await forge(last, { revision: 0 })
      await forge(last, { revision: last.revision + 1_000_000 })
      await forge(last, { stream: `journey-${name}-nobody`, revision: 0 })
      await forge(last, { revision: last.revision + 1, id: last.id, proof: proofOf(last) })
      await forge(last, { revision: last.revision + 1, proof: proofOf(journeys[0]!) })
      await forge(last, { stream: '$users', revision: 0 })
      await forge(last, { revision: -7 })
      const found = await foreign(9)
      expect(new Set(found.map(({ reason, code }) => `${reason} ${code}`))).to.deep.equal(
        new Set(['malformed event/foreign']),
      )
      expect(await gates()).to.deep.equal(before)
      expect(await parked()).to.deep.equal([])
      await mustHaveAll()
    }))

  it('do not keep a parked stream aside for events that it does not have', () =>
    withProjector(async ({ db, log, publish, forge, foreign, parked }) => {
      const last = log.at(-1)!
      await db
        .insertInto('parked_streams')
        .values({
          consumer: 'projector',
          stream: last.stream,
          first_revision: 0,
          last_seen: 0,
          code: 'spec/trouble',
          message: 'spec',
          waits_for_stream: null,
          parked_at: new Date().toISOString(),
          attempts: 1,
        })
        .execute()
      await publish(last)
      await forge(last, { revision: last.revision + 50 })
      await foreign(1)
      expect((await parked()).map(({ last_seen }) => last_seen)).to.deep.equal([last.revision])
    }))

  it('cost the honest ones among a thousand of them no row and little time', () =>
    withProjector(async ({ log, publish, forge, mustHaveAll, foreign, gates, name }) => {
      const begun = Date.now()
      const lies = Array.from({ length: 1_000 }, (_, n) =>
        forge(log[n % log.length]!, n % 2 === 0 ? {} : { stream: `journey-${name}-${n}-nobody`, revision: n }),
      )
      const truths = log.map((event) => publish(event)) // behind all of them
      await Promise.all([...lies, ...truths])
      await mustHaveAll()
      expect(Date.now() - begun).to.be.below(20_000)
      await foreign(1_000)
      expect([...(await gates()).keys()]).to.have.members([...new Set(log.map(({ stream }) => stream))])
    }))
})

describe('events of a relay from before the upgrade, without a proof', () => {
  it('are applied as they stand in the event store, whatever the message says', () =>
    withProjector(async ({ log, publish, forge, mustHaveAll, letters }) => {
      for (const [n, event] of log.entries())
        await (n % 3 === 0 ? forge(event, { id: event.id }) : publish(event, 'nobody'))
      await mustHaveAll()
      expect(await letters()).to.deep.equal([])
    }))
})
