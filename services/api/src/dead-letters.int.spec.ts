import { commandQueue } from '@journey/contracts'
import type { TestBroker } from '@journey/messaging/testing'
import { eventually } from '@journey/messaging/testing'
import {
  keepDeadLetter,
  project,
  resolveRetried,
  type DeadLetterAction,
  type DeadLetterEntry,
  type DeadLetterGroup,
  type Letter,
} from '@journey/read-model'
import { letterOf } from '@journey/read-model/testing'
import { expect } from 'chai'
import { createChronicle, healthy, start } from './testing/chronicle.js'
import { withHouse, type House } from './testing/house.js'

const command = (over: Partial<Letter> = {}) =>
  letterOf({
    queue: commandQueue,
    service: 'command-handler',
    code: 'command/invalid',
    message: 'The command is not valid: data_sources is missing',
    body: Buffer.from('{"command_id":"crm-1","data":{"client_id":"client-1"}}'),
    original: { exchange: 'journey.commands', routing_key: 'journey.start' },
    ...over,
  })
const mended = { data: { client_id: 'client-1', data_sources: ['jira'] } }

/** Whatever the routes answer. */
type Body = DeadLetterEntry &
  Pick<DeadLetterGroup, 'count'> & {
    items: Body[]
    next_cursor: string | null
    errors: { field: string }[]
    retry: number
    example_id: string
    body: { encoding: string; size: number; content: { command_id: string } }
    stream: { name: string; last_seen: number }
    actions: Pick<DeadLetterAction, 'action' | 'actor' | 'reason'>[]
  }

const setup = ({ app, db }: House) => {
  const ask = async (method: 'GET' | 'POST' | 'PATCH', url: string, payload?: object) => {
    const answer = await app.inject({
      method,
      url: `/api/v1${url}`,
      headers: { 'x-actor': 'dana' },
      ...(payload && { payload }),
    })
    return { status: answer.statusCode, body: answer.json<Body>() }
  }
  const items = async (query: string): Promise<Body[]> => (await ask('GET', `/dead-letters?${query}`)).body.items
  /** Keeps a letter and tells its id. */
  const keep = async (letter: Letter): Promise<string> => {
    await keepDeadLetter(db, letter, letter.queue === commandQueue ? dead(letter) : undefined)
    return (await db.selectFrom('dead_letters').select('id').orderBy('created_at', 'desc').executeTakeFirstOrThrow()).id
  }
  return { ask, items, keep }
}
const dead = (letter: Letter) => ({ id: 'crm-1', type: letter.original.routing_key, failed: undefined })
const taken = (broker: TestBroker, queue = commandQueue) => eventually('a message', () => broker.take(queue))

describe('the list of dead letters', () => {
  it('is narrowed by every field, searched, and paged', () =>
    withHouse(async (house) => {
      const { ask, items, keep } = setup(house)
      const at = (n: number) => ({ lastAt: new Date(Date.UTC(2026, 0, n)), deathId: `m-${n}` })
      await keep(command(at(1)))
      await keep(letterOf({ ...at(2), message: 'Event 550e8400-e29b-41d4-a716-446655440000 lacks 3 fields' }))
      await keep(letterOf({ ...at(3), message: 'Event 1b671a64-40d5-491e-99b0-da01ff1f3341 lacks 12 fields' }))

      expect((await items('')).map(({ last_at }) => last_at.slice(8, 10))).to.deep.equal(['03', '02', '01'])
      for (const [query, count] of [
        ['state=open', 3],
        ['state=resolved', 0],
        [`queue=${commandQueue}`, 1],
        ['code=command/invalid', 1],
        ['type=journey.started', 2],
        ['client_id=client-1', 3],
        ['since=2026-01-02T00:00:00Z', 2],
        ['q=LACKS', 2],
        ['q=crm-1', 1],
        ['q=%22data%22', 3],
        ['q=%25', 0],
      ] as const)
        expect(await items(query), query).to.have.length(count)

      const first = (await ask('GET', '/dead-letters?limit=2')).body
      const second = (await ask('GET', `/dead-letters?limit=2&cursor=${first.next_cursor}`)).body
      expect([first.items.length, second.items.length, second.next_cursor]).to.deep.equal([2, 1, null])

      const groups = (await ask('GET', '/dead-letters/groups')).body.items
      expect(groups.map(({ queue, code, message, count }) => [queue, code, message, count])).to.deep.equal([
        ['notifier.events', 'json/unreadable', 'Event <id> lacks <n> fields', 2],
        [commandQueue, 'command/invalid', 'The command is not valid: data_sources is missing', 1],
      ])
      expect(await items(`group=${groups[0]?.group}`)).to.have.length(2)
      for (const query of ['state=gone', 'since=yesterday', 'unknown=1', 'q=%00', 'cursor=x'])
        expect((await ask('GET', `/dead-letters?${query}`)).status, query).to.equal(422)
      for (const since of ['2026-12-31T23:59:60Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59-01:00']) {
        const { status, body } = await ask('GET', `/dead-letters?since=${since}`)
        expect([since, status, body.errors[0]?.field]).to.deep.equal([since, 422, 'since'])
      }
    }))

  it('shows each whole, whatever its body is made of', () =>
    withHouse(async (house) => {
      const { ask, keep } = setup(house)
      const bytes = await keep(letterOf({ body: Buffer.from([0, 255]), deathId: 'm-2' }))
      const json = await keep(command())
      const shown = (await ask('GET', `/dead-letters/${json}`)).body
      expect(shown).to.deep.include({
        id: json,
        kind: 'message',
        state: 'open',
        client_id: 'client-1',
        command_id: 'crm-1',
        path: { exchange: 'journey.commands', routing_key: 'journey.start', queue: commandQueue, x_death: [] },
        tries: [],
        actions: [],
      })
      expect(shown.body).to.deep.equal({
        encoding: 'json',
        size: 54,
        content: { command_id: 'crm-1', data: { client_id: 'client-1' } },
      })
      expect((await ask('GET', `/dead-letters/${bytes}`)).body.body).to.deep.equal({
        encoding: 'base64',
        size: 2,
        content: 'AP8=',
      })
      for (const id of ['nonsense', '2f6f1a0e-8f0c-4b69-9a43-5a0f2a8f3b11', 'parked:projector:journey-x'])
        expect((await ask('GET', `/dead-letters/${id}`)).body.code, id).to.equal('dead_letter/unknown')
    }))
})

describe('a dead letter', () => {
  it('is retried once, marked, and closed by whoever settles it', () =>
    withHouse(async (house) => {
      const { ask, keep } = setup(house)
      const id = await keep(command())
      const retried = await ask('POST', `/dead-letters/${id}/retry`, { reason: 'fixed' })
      expect(retried).to.deep.equal({ status: 202, body: { id, state: 'retrying', retry: 1, command_id: 'crm-1' } })
      const message = await taken(house.broker)
      expect([message.exchange, message.routingKey, message.properties.messageId]).to.deep.equal([
        'journey.commands',
        'journey.start',
        'm-1',
      ])
      expect(message.properties.headers).to.deep.equal({ 'x-dead-letter-id': id, 'x-dead-letter-retry': 1 })
      const again = await ask('POST', `/dead-letters/${id}/retry`)
      expect([again.status, again.body.code]).to.deep.equal([409, 'dead_letter/not_open'])

      await resolveRetried(house.db, [{ id, retry: 1 }], 'command-handler')
      const { body } = await ask('GET', `/dead-letters/${id}`)
      expect(body.state).to.equal('resolved')
      expect(body.actions.map(({ action, actor, reason }) => [action, actor.id, reason])).to.deep.equal([
        ['retry', 'dana', 'fixed'],
        ['resolve', 'command-handler', null],
      ])
    }))

  it('that dies again is the same one, and may be tried again', () =>
    withHouse(async (house) => {
      const { ask, keep, items } = setup(house)
      const id = await keep(command())
      await ask('POST', `/dead-letters/${id}/retry`)
      await keepDeadLetter(house.db, command({ retried: { id, retry: 1 }, code: 'json/too_deep' }))
      expect(
        (await items('')).map(({ state, attempts, retries, code }) => [state, attempts, retries, code]),
      ).to.deep.equal([['open', 2, 1, 'json/too_deep']])
      expect((await ask('POST', `/dead-letters/${id}/retry`)).body.retry).to.equal(2)
    }))

  it('is mended as a new command, and refuses what would die again', () =>
    withHouse(async (house) => {
      const { ask, keep } = setup(house)
      const id = await keep(command())
      const still = await ask('PATCH', `/dead-letters/${id}`, { body: { data: { client_id: '' } } })
      expect([still.status, still.body.code]).to.deep.equal([422, 'command/invalid'])
      const edited = await ask('PATCH', `/dead-letters/${id}`, { body: mended, reason: 'sources forgotten' })
      expect(edited.status).to.equal(200)
      expect(edited.body.command_id).to.be.a('string').and.not.equal('crm-1')
      await ask('POST', `/dead-letters/${id}/retry`)
      const message = await taken(house.broker)
      expect(message.properties.messageId).to.equal(edited.body.command_id)
      expect(JSON.parse(message.body.toString())).to.deep.equal({
        ...mended,
        command_id: edited.body.command_id,
        command_type: 'journey.start',
      })
      expect((await ask('GET', `/dead-letters/${id}`)).body.body.content.command_id).to.equal('crm-1')

      const own = await keep(command({ deathId: 'm-2' }))
      const named = await ask('PATCH', `/dead-letters/${own}`, { body: { ...mended, command_id: 'crm-1' } })
      expect(named.body.command_id).to.equal('crm-1')
    }))

  it('of an event is never edited', () =>
    withHouse(async (house) => {
      const { ask, keep } = setup(house)
      const answer = await ask('PATCH', `/dead-letters/${await keep(letterOf())}`, { body: {} })
      expect([answer.status, answer.body.code]).to.deep.equal([409, 'dead_letter/not_a_command'])
    }))

  it('is discarded for a reason, and for none not', () =>
    withHouse(async (house) => {
      const { ask, keep } = setup(house)
      const id = await keep(letterOf())
      expect((await ask('POST', `/dead-letters/${id}/discard`)).status).to.equal(422)
      expect((await ask('POST', `/dead-letters/${id}/discard`, { reason: 'a test' })).body.state).to.equal('discarded')
      expect((await ask('POST', `/dead-letters/${id}/retry`)).body.code).to.equal('dead_letter/not_open')
    }))

  it('of a task whose time is over is not retried', () =>
    withHouse(async (house) => {
      const { ask, keep } = setup(house)
      const body = Buffer.from('{"deadline":"2026-01-27T10:00:00Z"}')
      const id = await keep(letterOf({ queue: 'tasks.install', body }))
      const answer = await ask('POST', `/dead-letters/${id}/retry`)
      expect([answer.status, answer.body.code]).to.deep.equal([409, 'dead_letter/task_over'])
      await house.broker.channel.deleteQueue('agent.events')
      const event = await keep(letterOf({ queue: 'agent.events', body, deathId: 'm-2' }))
      const { code } = (await ask('POST', `/dead-letters/${event}/retry`)).body
      expect(code, 'an event of others is no task, whatever it says').to.equal('broker/unroutable')
    }))

  it('whose queue is gone is open again, and says so', () =>
    withHouse(async (house) => {
      const { ask, keep, items } = setup(house)
      const letter = letterOf()
      await house.broker.channel.deleteQueue(letter.queue)
      const id = await keep(letter)
      const answer = await ask('POST', `/dead-letters/${id}/retry`)
      expect([answer.status, answer.body.code]).to.deep.equal([503, 'broker/unroutable'])
      expect((await items('state=open')).map((one) => one.id)).to.deep.equal([id])
    }))

  it('waits for a broker that is away', () =>
    withHouse(async (house) => {
      const { ask, keep, items } = setup(house)
      const id = await keep(command())
      house.toBroker.sever()
      expect((await ask('POST', `/dead-letters/${id}/retry`)).status).to.equal(202)
      expect((await items('state=retrying')).map((one) => one.id)).to.deep.equal([id])
    }))
})

describe('a parked stream', () => {
  it('stands among the dead letters and is freed by a retry, once its cause is mended', () => {
    let isBroken = true
    const brokenAtFirst: typeof project = (transaction, events) => {
      if (isBroken) throw new TypeError('row 17 is wrong')
      return project(transaction, events)
    }
    return withHouse(
      async (house) => {
        const { ask, items } = setup(house)
        const { act, events } = createChronicle(healthy)
        act(start('client-123'))
        await house.apply(events.filter(({ stream }) => stream === 'journey-client-123'))
        const id = 'parked:projector:journey-client-123'
        expect((await items('state=open')).map((one) => [one.id, one.kind, one.queue, one.client_id])).to.deep.equal([
          [id, 'stream', 'projector', 'client-123'],
        ])
        expect((await ask('GET', '/dead-letters/groups')).body.items[0]).to.include({
          message: 'row <n> is wrong',
          example_id: id,
        })
        expect((await ask('GET', `/dead-letters/${id}`)).body.stream).to.include({ name: 'journey-client-123' })
        expect((await ask('POST', `/dead-letters/${id}/retry`)).body.state).to.equal('open')
        isBroken = false
        expect((await ask('POST', `/dead-letters/${id}/retry`)).body.state).to.equal('resolved')
        expect(await items('')).to.deep.equal([])
        expect((await ask('GET', '/journeys/client-123')).status).to.equal(200)
      },
      { project: brokenAtFirst },
    )
  })

  it('is left out with all that is still to come once it is discarded, until it is retried', () => {
    let isBroken = true
    const brokenAtFirst: typeof project = (transaction, events) => {
      if (isBroken) throw new TypeError('row 17 is wrong')
      return project(transaction, events)
    }
    return withHouse(
      async (house) => {
        const { ask, items } = setup(house)
        const { act, events } = createChronicle(healthy)
        act(start('client-123'))
        const own = events.filter(({ stream }) => stream === 'journey-client-123')
        await house.apply(own.slice(0, 1))
        const id = 'parked:projector:journey-client-123'
        const path = `/dead-letters/${id}/discard`
        expect((await ask('POST', path)).status).to.equal(422)
        expect((await ask('POST', path, { reason: 'a test' })).body).to.include({ id, state: 'discarded' })
        expect((await ask('POST', path, { reason: 'again' })).body.code).to.equal('dead_letter/not_open')
        isBroken = false
        await house.apply(own.slice(1))
        expect((await ask('GET', '/journeys/client-123')).status).to.equal(404)
        expect(await items('state=open')).to.deep.equal([])
        expect((await items('state=discarded')).map((one) => one.id)).to.deep.equal([id])
        const { state, closed_at, stream, actions } = (await ask('GET', `/dead-letters/${id}`)).body
        expect([state, typeof closed_at, stream.last_seen]).to.deep.equal(['discarded', 'string', own.at(-1)!.revision])
        expect(actions.map(({ action, reason }) => [action, reason])).to.deep.equal([['discard', 'a test']])
        expect((await ask('POST', `/dead-letters/${id}/retry`)).body.state).to.equal('resolved')
        expect((await ask('GET', '/journeys/client-123')).status).to.equal(200)
      },
      { project: brokenAtFirst },
    )
  })

  it('is open again when the retry after its discarding fails', () =>
    withHouse(
      async (house) => {
        const { ask, items } = setup(house)
        const { act, events } = createChronicle(healthy)
        act(start('client-123'))
        await house.apply(events.filter(({ stream }) => stream === 'journey-client-123'))
        const id = 'parked:projector:journey-client-123'
        await ask('POST', `/dead-letters/${id}/discard`, { reason: 'a test' })
        expect((await ask('POST', `/dead-letters/${id}/retry`)).body.state).to.equal('open')
        expect((await items('state=open')).map((one) => one.id)).to.deep.equal([id])
      },
      {
        project: () => {
          throw new TypeError('row 17 is wrong')
        },
      },
    ))
})
