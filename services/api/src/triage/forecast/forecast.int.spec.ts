import { commandQueue, digestOf, proofHeader, toBus, type Recorded } from '@journey/contracts'
import type { Journey } from '@journey/domain'
import { createNotifier, crmChannel } from '@journey/handlers'
import { messageOf } from '@journey/messaging/testing'
import {
  createDatabase,
  derivedTables,
  eraseClient,
  keepDeadLetter,
  operationalTables,
  relayProofs,
  requestErasure,
  storeDelivery,
  type Letter,
} from '@journey/read-model'
import { letterOf, testReadModel } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { sql } from 'kysely'
import { randomBytes, randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createChronicle, healthy, start } from '../../testing/chronicle.js'
import { withHouse, type House } from '../../testing/house.js'
import type { ForecastOfMany } from '../triage.js'
import { foreseeNotifications } from './events.js'
import type { Forecast } from './forecast.js'

/** Whatever the routes answer. */
type Answered = Forecast & ForecastOfMany & { code: string; state: string }

const setup = (house: House) => {
  const { app, db, store } = house
  const ask = async (url: string, payload?: object) => {
    const answer = await app.inject({ method: 'POST', url: `/api/v1/dead-letters/${url}`, ...(payload && { payload }) })
    return { status: answer.statusCode, body: answer.json<Answered>() }
  }
  /** Everything that is stored: rows of every table, and the last revision of the streams. */
  const stored = async (streams: readonly string[]) => {
    const rows: Record<string, unknown> = {}
    for (const table of [...derivedTables, ...operationalTables])
      rows[table] = (await sql`select * from ${sql.table(table)} order by 1, 2`.execute(db)).rows
    const last = await Promise.all(streams.map(async (stream) => (await store.readLast(stream))?.revision))
    return { rows, last, waiting: await house.broker.depth(commandQueue) }
  }
  /** Foresees, and sees to it that nothing is another than before. */
  const foresee = async (id: string, ...streams: string[]): Promise<Forecast> => {
    const before = await stored(streams)
    const { status, body } = await ask(`${encodeURIComponent(id)}/retry`, { dry_run: true })
    expect(status, JSON.stringify(body)).to.equal(200)
    expect(await stored(streams)).to.deep.equal(before)
    return body
  }
  const keep = async (over: Partial<Letter>): Promise<string> => {
    const deathId = randomUUID()
    await keepDeadLetter(db, letterOf({ deathId, properties: { messageId: deathId, headers: {} }, ...over }))
    return (await db.selectFrom('dead_letters').select('id').orderBy('created_at', 'desc').executeTakeFirstOrThrow()).id
  }
  const keepCommand = (type: string, data: object, command_id: string = randomUUID()) =>
    keep({
      queue: commandQueue,
      body: Buffer.from(JSON.stringify({ command_id, data })),
      original: { exchange: 'journey.commands', routing_key: type },
    })
  const append = async (events: readonly Recorded[]): Promise<void> => {
    for (const { id, event, stream, revision, at } of events)
      await store.append(stream, revision === 0 ? 'no_stream' : revision - 1, [
        {
          id,
          type: event.type,
          data: event.data,
          metadata: { $correlationId: id, $causationId: id, version: '1.0', timestamp: at, source: 'spec', actor: {} },
        },
      ])
  }
  const keepEvent = async (queue: string, stream: string, revision = 0) => {
    const [event] = await store.read(stream, { from: revision, maxCount: 1 })
    return keep({ queue, body: Buffer.from(JSON.stringify(toBus(event!))) })
  }
  /** As the projector leaves a stream whose events have ended it five times. */
  const parkAsPoison = async (stream: string, lastSeen: number): Promise<string> => {
    const why = { code: 'projection/poison', message: 'Each time the process died', waits_for_stream: null }
    await db
      .insertInto('parked_streams')
      .values({
        ...{ consumer: 'projector', stream, first_revision: 0, last_seen: lastSeen, attempts: 1, ...why },
        parked_at: sql`now()`,
      })
      .execute()
    return `parked:projector:${stream}`
  }
  return { ask, foresee, keep, keepCommand, keepEvent, append, parkAsPoison, ...house }
}

const freshClient = () => `client-${randomUUID()}`
/** A started journey whose tasks are all still being done. */
const begun = (client: string) => {
  const chronicle = createChronicle(() => undefined)
  chronicle.act(start(client))
  const own = chronicle.events.filter(({ stream }) => stream === `journey-${client}`)
  return { ...chronicle, own }
}
const started = (client: string) => ({ client_id: client, data_sources: ['jira'] })

describe('the forecast of a command', () => {
  it('tells the events that would be appended, and where', () =>
    withHouse(async (house) => {
      const { foresee, keepCommand } = setup(house)
      const client = freshClient()
      const id = await keepCommand('journey.start', started(client))
      const { outcome, events, command, error, says } = await foresee(id, `journey-${client}`)
      expect([outcome, error, command?.status, command?.revision]).to.deep.equal(['changes', null, 'accepted', 0])
      expect(events.map(({ type, stream, revision }) => [type, stream, revision])).to.deep.equal([
        ['JourneyStarted', `journey-${client}`, 0],
      ])
      expect(says).to.equal(`JourneyStarted@0 would be appended to journey-${client}`)
    }))

  it('tells a refusal with its code, and that nothing would change', () =>
    withHouse(async (house) => {
      const { foresee, keepCommand, append } = setup(house)
      const client = freshClient()
      await append(begun(client).own)
      const stream = `journey-${client}`
      const again = await foresee(await keepCommand('journey.start', started(client)), stream)
      expect([again.outcome, again.error?.code]).to.deep.equal(['refused', 'journey/already_active'])
      const held = await foresee(await keepCommand('journey.hold', { client_id: client, reason: 'wait' }), stream)
      expect([held.outcome, held.events.map(({ type, revision }) => [type, revision])]).to.deep.equal([
        'changes',
        [['PromotionHeld', 1]],
      ])
      const released = await foresee(await keepCommand('journey.release', { client_id: client, reason: 'go' }), stream)
      expect([released.outcome, released.command?.revision]).to.deep.equal(['nothing', 0])
    }))

  it('names each field of what is still malformed, and takes the edited body once there is one', () =>
    withHouse(async (house) => {
      const { app, foresee, keepCommand } = setup(house)
      const client = freshClient()
      const id = await keepCommand('journey.start', { client_id: client, users: 7 })
      const still = await foresee(id)
      expect([still.outcome, still.error?.code]).to.deep.equal(['fails', 'command/invalid'])
      expect(still.error?.details.map(({ field }) => field)).to.include.members(['data.data_sources', 'data.users'])
      await app.inject({
        method: 'PATCH',
        url: `/api/v1/dead-letters/${id}`,
        payload: { body: { command_type: 'journey.start', data: started(client) } },
      })
      const mended = await foresee(id, `journey-${client}`)
      expect([mended.outcome, mended.events.length]).to.deep.equal(['changes', 1])
    }))

  it('tells whether its id was handled before, is in hand, or is used for another', () =>
    withHouse(async (house) => {
      const { db, foresee, keepCommand, settle } = setup(house)
      const client = freshClient()
      const digest = digestOf('journey.start', started(client))
      const command_id = randomUUID()
      const id = await keepCommand('journey.start', started(client), command_id)
      const set = (values: object) =>
        db.updateTable('commands').set(values).where('command_id', '=', command_id).execute()
      await settle({ command_id, status: 'accepted', stream: `journey-${client}`, revision: 0 })
      await set({ digest })
      const handled = await foresee(id)
      expect([handled.outcome, handled.command?.known?.status]).to.deep.equal(['nothing', 'accepted'])
      expect(handled.says).to.include('handled before')
      await set({ digest: 'another' })
      expect((await foresee(id)).error?.code).to.equal('command/key_reused')
      await set({ digest, status: 'pending', claimed_by: 'command-handler-1', claimed_at: new Date() })
      const inHand = await foresee(id)
      expect([inHand.outcome, inHand.command?.known?.claimed_by]).to.deep.equal(['changes', 'command-handler-1'])
      expect(inHand.says).to.include('not settled yet')
    }))
})

describe('the forecast of a parked stream', () => {
  it('tells what would put it aside again, and else how many rows of which tables its retry then writes', () =>
    withHouse(async (house) => {
      const { db, ask, foresee, append, apply } = setup(house)
      const client = freshClient()
      const { own } = begun(client)
      await append(own)
      await sql`alter table journey_states add constraint refuse check (client_id <> ${sql.lit(client)}) not valid`.execute(
        db,
      )
      await apply(own)
      const id = `parked:projector:journey-${client}`
      const broken = await foresee(id, `journey-${client}`)
      expect([broken.kind, broken.outcome, broken.error?.code, broken.tables]).to.deep.equal([
        'stream',
        'fails',
        'projection/not_storable',
        {},
      ])
      await sql`alter table journey_states drop constraint refuse`.execute(db)
      const mended = await foresee(id, `journey-${client}`)
      expect(mended.outcome).to.equal('changes')
      const count = async (table: string) =>
        (await sql<{ n: number }>`select count(*) as n from ${sql.table(table)}`.execute(db)).rows[0]!.n
      const tables = derivedTables.filter((table) => !['projection_gates', 'parked_streams'].includes(table))
      const counts = () => Promise.all(tables.map(async (table) => [table, await count(table)] as const))
      const before = new Map(await counts())
      expect((await ask(`${encodeURIComponent(id)}/retry`)).body.state).to.equal('resolved')
      const grown = (await counts()).map(([table, now]) => [table, now - before.get(table)!] as const)
      expect(mended.tables).to.deep.equal(Object.fromEntries(grown.filter(([, more]) => more > 0)))
      expect(mended.tables).to.include({ journey_states: 1, journey_events: 1 })
    }))
})

describe('the forecast of an event', () => {
  it('tells what the notifier would tell the world, with nothing of the address that is secret', () =>
    withHouse(async (house) => {
      const { foresee, keep, keepEvent, append } = setup(house)
      const client = freshClient()
      const { act, events } = createChronicle(healthy)
      const { type, data } = start(client) as Extract<Journey.Command, { type: 'journey.start' }>
      act({ type, data: { ...data, parameters: { auto_approve: true } } })
      const own = events.filter(({ stream }) => stream === `journey-${client}`)
      await append(own)
      const promoted = own.find(({ event }) => event.type === 'StagePromoted')!.revision
      const told = await foresee(await keepEvent('notifier.events', `journey-${client}`, promoted))
      expect(told.outcome).to.equal('changes')
      expect(told.deliveries.map(({ payload: _, ...rest }) => rest)).to.deep.equal([
        {
          channel: 'crm',
          target: 'https://crm.example/hook',
          event_type: 'journey.stage_transition',
          state: 'pending',
          known: false,
        },
      ])
      expect(told.deliveries[0]?.payload.client_id).to.equal(client)
      const unheard = await foresee(await keepEvent('notifier.events', `journey-${client}`))
      expect([unheard.outcome, unheard.deliveries]).to.deep.equal(['nothing', []])
      const bad = await foresee(await keep({ queue: 'notifier.events', body: Buffer.from('no json') }))
      expect([bad.outcome, bad.error?.code]).to.deep.equal(['fails', 'json/unreadable'])
    }))

  it('believes the proof of our relay as its consumers do, and looks at the store without one', () =>
    withHouse(async (house) => {
      const { foresee, keep, db } = setup(house)
      const { own } = begun(freshClient())
      const proofs = await relayProofs(db)()
      const { id, stream, revision, position, at, event } = own[0]!
      const metadata = {
        $correlationId: id,
        $causationId: id,
        version: '1.0',
        timestamp: at,
        source: 'spec',
        actor: {},
      }
      const stored = { ...event, id, metadata, stream, revision, position: BigInt(position), createdAt: at }
      const body = Buffer.from(JSON.stringify(toBus(stored)))
      const headers = { stream, revision, position }
      const proof = proofs.of({ id, stream, revision, position }, body)
      const letter = (more: object) =>
        keep({ queue: 'projector.events.0', body, properties: { messageId: id, headers: { ...headers, ...more } } })
      expect((await foresee(await letter({ [proofHeader]: proof }))).outcome).to.equal('changes')
      const hearsay = await foresee(await letter({}))
      expect([hearsay.outcome, hearsay.error?.code]).to.deep.equal(['fails', 'event/foreign'])
    }))

  it('tells the commands and tasks that the saga-processor would make of it, and which were made before', () =>
    withHouse(async (house) => {
      const { db, foresee, keepEvent, append } = setup(house)
      const client = freshClient()
      const { events, dispatched } = begun(client)
      await append(events)
      const work = `unit_of_work-${dispatched[0]!.work_id}`
      const start = await foresee(await keepEvent('saga-processor.events', `journey-${client}`))
      expect(start.outcome).to.equal('changes')
      expect(start.commands.map(({ command_type, known }) => [command_type, known])).to.deep.equal([
        ['unit_of_work.create', false],
      ])
      // A command that failed has not used its id up.
      await house.settle({ command_id: start.commands[0]!.command_id, status: 'failed' })
      const again = await foresee(await keepEvent('saga-processor.events', `journey-${client}`))
      expect(again.commands.map(({ known }) => known)).to.deep.equal([false])
      const { work_id, task_id, attempt, intent } = dispatched[0]!
      const startOf = events.find(({ event }) => event.type === 'TaskExecutionStarted')!
      const id = await keepEvent('saga-processor.events', work, startOf.revision)
      const task = { work_id, task_id, attempt, intent, agents: [] }
      const dispatch = await foresee(id)
      expect([dispatch.outcome, dispatch.tasks]).to.deep.equal(['changes', [{ ...task, known: false }]])
      await db
        .insertInto('dispatches')
        .values({
          ...{ work_id, task_id, attempt, client_id: client, stage: 'sandbox', intent, token: 't', timeout_ms: 1 },
          ...{ message: '{}', state: 'published' },
        })
        .execute()
      const known = await foresee(id)
      expect([known.outcome, known.tasks]).to.deep.equal(['nothing', [{ ...task, known: true }]])
    }))

  it('of others tells where it would be recorded, or that it cannot be', () =>
    withHouse(async (house) => {
      const { foresee, keep, store } = setup(house)
      const event = {
        event_id: randomUUID(),
        event_type: 'knowledge.shared',
        event_version: '1.0',
        timestamp: '2026-01-27T10:00:00Z',
        source: 'spec',
        data: { knowledge_id: 'k', source_agent_id: 'a', target_agent_ids: ['b'], domain: 'search' },
        metadata: { correlation_id: 'spec' },
      }
      const body = Buffer.from(JSON.stringify(event))
      const before = (await store.readLast('received-knowledge'))?.revision ?? -1
      const recorded = await foresee(await keep({ queue: 'knowledge.events', body }))
      expect([recorded.outcome, recorded.events[0]?.stream]).to.deep.equal(['changes', 'received-knowledge'])
      expect(recorded.events[0]?.revision).to.be.greaterThan(before)
      const broken = Buffer.from(JSON.stringify({ ...event, data: {} }))
      const bad = await foresee(await keep({ queue: 'knowledge.events', body: broken }))
      expect([bad.outcome, bad.error?.code]).to.deep.equal(['fails', 'event/invalid'])
    }))

  it('of the projector tells whether it was applied before', () =>
    withHouse(async (house) => {
      const { foresee, keepEvent, append, apply } = setup(house)
      const client = freshClient()
      const { own } = begun(client)
      await append(own)
      const id = await keepEvent('projector.events.0', `journey-${client}`)
      const first = await foresee(id)
      expect([first.outcome, first.tables.journey_states]).to.deep.equal(['changes', 1])
      await apply(own)
      expect((await foresee(id)).outcome).to.equal('nothing')
    }))
})

describe('the forecast of a notification about sealed content', () => {
  const encryption = { key: randomBytes(32).toString('base64'), old: [] }
  let own: Awaited<ReturnType<typeof testReadModel>>
  before(async () => {
    own = await testReadModel()
  })
  after(() => own.drop())
  /** A process that remembers no key of another. */
  const inProcess = async (work: (db: House['db']) => Promise<void>): Promise<void> => {
    const database = createDatabase({ url: own.url, name: 'spec', log: silentLog(), encryption })
    await work(database.db).finally(() => database.stop())
  }

  for (const isErased of [false, true])
    it(`is as its retry then stores it${isErased ? ', of an erased client the skeleton, for nobody' : ''}`, async () => {
      const { act, events } = createChronicle(healthy)
      const client = freshClient()
      const { type, data } = start(client) as Extract<Journey.Command, { type: 'journey.start' }>
      act({ type, data: { ...data, parameters: { auto_approve: true } } })
      const [earlier, promoted] = events.filter(({ event }) => event.type === 'StagePromoted')
      const channels = [crmChannel({ url: 'https://crm.example/hook', isEnabled: true })]
      const notify = (db: House['db'], event: Recorded) =>
        createNotifier({
          channels,
          read: () => Promise.resolve(event),
          store: (one) => storeDelivery(db, one),
          stored: () => undefined,
        })(messageOf({}))
      if (isErased)
        await inProcess(async (db) => {
          await notify(db, earlier!) // it has a key, then
          const by = { type: 'user' as const, id: 'dana' }
          const id = randomUUID()
          await requestErasure(db, { id, clientId: client, reason: 'asked', by })
          await eraseClient(db, { id, clientId: client, by })
        })
      await inProcess(async (db) => {
        const keys = () => db.selectFrom('data_keys').selectAll().execute()
        const stored = () => db.selectFrom('deliveries').selectAll().where('event_id', '=', promoted!.id).execute()
        const before = await keys()
        const read = () => Promise.resolve(promoted!)
        const { deliveries = [] } = await foreseeNotifications({ db, channels, read }, messageOf({}), false)
        expect([await keys(), await stored()]).to.deep.equal([before, []])
        await notify(db, promoted!)
        expect(deliveries).to.deep.equal(
          (await stored()).map(({ channel, target, event_type, state, payload }) => ({
            ...{ channel, target, event_type, state, payload, known: false },
          })),
        )
        expect(deliveries.map(({ state }) => state)).to.deep.equal([isErased ? 'disabled' : 'pending'])
      })
    })
})

describe('the forecast of a task', () => {
  it('tells whether its attempt still counts, and who is there to take it', () =>
    withHouse(async (house) => {
      const { db, foresee, keep, append } = setup(house)
      const { act, events, dispatched } = begun(freshClient())
      await append(events)
      const { work_id, task_id, attempt, token, intent } = dispatched[0]!
      await house.broker.channel.assertQueue(`tasks.${intent}`)
      const letter = (deadline: string, over: object = {}) =>
        keep({
          queue: `tasks.${intent}`,
          body: Buffer.from(JSON.stringify({ work_id, task_id, attempt, token, intent, deadline, ...over })),
        })
      const id = await letter('2100-01-01T00:00:00Z')
      const alone = await foresee(id, `unit_of_work-${work_id}`)
      expect([alone.outcome, alone.tasks[0]?.agents]).to.deep.equal(['waits', []])
      await db
        .insertInto('agents')
        .values({
          ...{
            agent_id: 'agent-1',
            name: 'One',
            intents: [intent],
            type: 'agent',
            version: '1',
            cognitive_pattern: null,
          },
          ...{
            created_by: 'spec',
            registered_at: '2026-01-27T10:00:00Z',
            updated_at: '2026-01-27T10:00:00Z',
            revision: 0,
          },
        })
        .execute()
      await sql`insert into agent_heartbeats (agent_id, at) values ('agent-1', now())`.execute(db)
      const taken = await foresee(id)
      expect([taken.outcome, taken.tasks[0]?.agents]).to.deep.equal(['changes', ['agent-1']])
      const other = await foresee(await letter('2100-01-01T00:00:00Z', { token: 'another' }))
      expect([other.outcome, other.says.includes('recorded as late')]).to.deep.equal(['nothing', true])
      const over = await foresee(await letter('2026-01-27T10:00:00Z'))
      expect([over.outcome, over.error?.code]).to.deep.equal(['not_possible', 'dead_letter/task_over'])
      const done = act({
        type: 'task.complete',
        data: { work_id, task_id, attempt, token, output: { environment_id: 'e', status: 'ready' } },
      })
      await append(done)
      expect((await foresee(id)).says).to.include('the task is completed')
    }))
})

describe('the forecast of what has ended its handler', () => {
  const poison = { reason: 'poison', code: 'message/poison' }

  it('is found out in a process of its own, of a message', () =>
    withHouse(async (house) => {
      const { foresee, keep } = setup(house)
      const client = freshClient()
      const id = await keep({
        ...{ ...poison, queue: commandQueue, original: { exchange: 'journey.commands', routing_key: 'journey.start' } },
        body: Buffer.from(JSON.stringify({ command_id: randomUUID(), data: started(client) })),
      })
      const { outcome, says } = await foresee(id, `journey-${client}`)
      expect([outcome, says]).to.deep.equal(['changes', `JourneyStarted@0 would be appended to journey-${client}`])
      const bad = await foresee(await keep({ ...poison, queue: commandQueue, body: Buffer.from('no json') }))
      expect([bad.outcome, bad.error?.code]).to.deep.equal(['fails', 'json/unreadable'])
    }))

  it('and of a stream: the rows that its retry in the same way then writes, or where it breaks by now', () =>
    withHouse(async (house) => {
      const { db, ask, foresee, append, parkAsPoison } = setup(house)
      const client = freshClient()
      const { own } = begun(client)
      await append(own)
      const id = await parkAsPoison(`journey-${client}`, own.length - 1)
      await sql`alter table journey_states add constraint refuse check (client_id <> ${sql.lit(client)}) not valid`.execute(
        db,
      )
      const broken = await foresee(id, `journey-${client}`)
      expect([broken.outcome, broken.error?.code]).to.deep.equal(['fails', 'projection/not_storable'])
      expect(broken.says).to.include('at revision 0')
      await sql`alter table journey_states drop constraint refuse`.execute(db)
      const { outcome, tables } = await foresee(id, `journey-${client}`)
      expect([outcome, tables.journey_states, tables.journey_events]).to.deep.equal(['changes', 1, own.length])
      expect((await ask(`${encodeURIComponent(id)}/retry`)).body.state).to.equal('resolved')
      const events = await db.selectFrom('journey_events').select('revision').where('client_id', '=', client).execute()
      expect(events).to.have.length(own.length)
    }))

  it('is that it does so again, when that process ends, or comes to nothing else', () =>
    withHouse(
      async (house) => {
        const { db, ask, foresee, keep, parkAsPoison } = setup(house)
        const dying = { killed: 'ended (SIGKILL)', hungry: 'the process', busy: 'came to nothing else' }
        for (const [how, end] of Object.entries(dying)) {
          const { outcome, error, says } = await foresee(await parkAsPoison(`journey-${how}`, 4))
          expect([outcome, error?.code], how).to.deep.equal(['fails', 'projection/poison'])
          expect(says).to.include(end).and.include('from revision 0')
        }
        const message = await keep({ ...poison, queue: commandQueue, properties: { messageId: 'killed', headers: {} } })
        expect((await foresee(message)).error?.code).to.equal('message/poison')
        const waits = await foresee(await parkAsPoison('journey-waits', 0))
        expect([waits.outcome, waits.says.includes('still waited')]).to.deep.equal(['unknown', true])
        const again = await ask(`${encodeURIComponent('parked:projector:journey-killed')}/retry`)
        expect(again.body.state).to.equal('open')
        const { attempts } = await db
          .selectFrom('parked_streams')
          .select('attempts')
          .where('stream', '=', 'journey-killed')
          .executeTakeFirstOrThrow()
        expect(attempts).to.equal(2)
      },
      { program: fileURLToPath(new URL('../../testing/deadly.js', import.meta.url)) },
    ))
})

describe('the forecast of many', () => {
  it('foresees the first hundred, says that there are more, and counts the outcomes', () =>
    withHouse(async (house) => {
      const { db, ask, keepCommand, keep } = setup(house)
      for (let n = 0; n < 100; n++)
        await keepCommand('journey.hold', n < 30 ? { client_id: 'x' } : { client_id: 'x', reason: 'wait' })
      await keep({ queue: 'somebody.else', lastAt: new Date('2026-01-28T10:00:00Z') })
      const actions = () => db.selectFrom('dead_letter_actions').selectAll().execute()
      const before = await db.selectFrom('dead_letters').selectAll().orderBy('id').execute()
      const { status, body } = await ask('retry', { filter: { state: 'open' }, dry_run: true })
      expect(status).to.equal(200)
      expect([body.total, body.shown, body.cut, body.items.length]).to.deep.equal([101, 100, true, 100])
      expect(body.summary.slice(0, 2)).to.deep.equal([
        {
          outcome: 'refused',
          code: 'journey/unknown',
          count: 70,
        },
        { outcome: 'fails', code: 'command/invalid', count: 30 },
      ])
      expect(await db.selectFrom('dead_letters').selectAll().orderBy('id').execute()).to.deep.equal(before)
      expect([await actions(), await db.selectFrom('dead_letter_jobs').selectAll().execute()]).to.deep.equal([[], []])
      await house.broker.channel.assertQueue('somebody.else')
      const one = await ask('retry', { filter: { queue: 'somebody.else' }, dry_run: true })
      expect(one.body.items.map(({ outcome }) => outcome)).to.deep.equal(['unknown'])
    }))

  it('is refused for what is closed, unknown, or asked for wrongly', () =>
    withHouse(async (house) => {
      const { db, ask, keepCommand } = setup(house)
      const id = await keepCommand('journey.hold', {})
      await db.updateTable('dead_letters').set({ state: 'discarded' }).execute()
      const dry = { dry_run: true }
      expect((await ask(`${id}/retry`, dry)).body.code).to.equal('dead_letter/not_open')
      expect((await ask(`${randomUUID()}/retry`, dry)).body.code).to.equal('dead_letter/unknown')
      expect((await ask('parked:projector:nothing/retry', dry)).body.code).to.equal('dead_letter/unknown')
      expect((await ask(`${id}/retry`, { dry_run: 'perhaps' })).status).to.equal(422)
    }))
})
