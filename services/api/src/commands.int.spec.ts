import { commandQueue } from '@journey/contracts'
import { eventually } from '@journey/messaging/testing'
import { expect } from 'chai'
import { createChronicle, start } from './testing/chronicle.js'
import { withHouse, type House } from './testing/house.js'

const body = { client_id: 'client-123', data_sources: ['salesforce', 'jira', 'confluence'] }
const json = { 'content-type': 'application/json' }

const post = (house: House, url: string, payload: unknown = {}, headers: Record<string, string> = {}) =>
  house.app.inject({
    method: 'POST',
    url: `/api/v1${url}`,
    payload: payload as object,
    headers: { ...json, ...headers },
  })

const get = (house: House, url: string) => house.app.inject({ method: 'GET', url: `/api/v1${url}` })

const nextCommand = async (house: House) => {
  const message = await house.broker.take(commandQueue)
  if (!message) throw new Error('no command on the bus')
  return { ...message, envelope: JSON.parse(message.body.toString()) as Record<string, unknown> }
}

describe('a command posted to the API', () => {
  it('is on the bus and known as pending once it is answered 202', () =>
    withHouse(async (house) => {
      const answer = await post(house, '/journeys', body, { 'x-actor': 'dana', 'x-correlation-id': 'req-1' })
      const receipt = answer.json<{ command_id: string }>()
      const { envelope, routingKey, properties } = await nextCommand(house)

      expect(answer.statusCode).to.equal(202)
      expect(receipt).to.deep.equal({
        command_id: receipt.command_id,
        status: 'pending',
        links: { self: `/api/v1/commands/${receipt.command_id}`, journey: '/api/v1/journeys/client-123' },
      })
      expect(routingKey).to.equal('journey.start')
      expect(properties.messageId).to.equal(receipt.command_id)
      expect(envelope).to.deep.include({
        command_id: receipt.command_id,
        command_type: 'journey.start',
        source: 'api',
        data: body,
        metadata: { correlation_id: 'req-1', actor: { type: 'user', id: 'dana' } },
      })
      const known = await get(house, `/commands/${receipt.command_id}`)
      expect(known.json()).to.deep.equal({
        command_id: receipt.command_id,
        command_type: 'journey.start',
        status: 'pending',
        stream: null,
        revision: null,
        events: [],
        error: null,
      })
    }))

  it('takes what it is about from the path', () =>
    withHouse(async (house) => {
      await post(house, '/journeys/client-123/rollback', { reason: 'critical bug' })
      await post(house, '/approvals/work-1/demo_approval', { decision: 'approve', comment: 'fine' })

      expect((await nextCommand(house)).envelope.data).to.deep.equal({
        reason: 'critical bug',
        client_id: 'client-123',
      })
      expect((await nextCommand(house)).envelope.data).to.deep.equal({
        decision: 'approve',
        comment: 'fine',
        work_id: 'work-1',
        task_id: 'demo_approval',
      })
    }))

  it('needs no body where nothing is required of it', () =>
    withHouse(async (house) => {
      const answer = await house.app.inject({ method: 'POST', url: '/api/v1/journeys/client-123/promote' })

      expect(answer.statusCode).to.equal(202)
      expect((await nextCommand(house)).envelope.data).to.deep.equal({ client_id: 'client-123' })
    }))

  it('answers its outcome when asked to wait, once its events can be read', () =>
    withHouse(async (house) => {
      const { events, act } = createChronicle(() => undefined)
      act(start('client-123'))
      const asked = post(house, '/journeys?wait=20', body, { 'idempotency-key': 'key-1' })
      await eventually('the command on the bus', () => house.broker.depth(commandQueue))
      const stream = 'journey-client-123'
      await house.settle({ command_id: 'key-1', stream, revision: 0, events: ['journey.started'] })
      const early = await get(house, '/commands/key-1?wait=0.2')
      await house.apply(events)
      const answer = await asked

      expect(early.json()).to.deep.include({ status: 'accepted' })
      expect(answer.statusCode).to.equal(200)
      expect(answer.json()).to.deep.equal({
        command_id: 'key-1',
        command_type: 'journey.start',
        status: 'accepted',
        stream,
        revision: 0,
        events: ['journey.started'],
        error: null,
      })
      expect((await get(house, '/journeys/client-123')).statusCode).to.equal(200)
    }))

  it('answers 409 with the reason when it is refused', () =>
    withHouse(async (house) => {
      const asked = post(house, '/journeys/client-123/promote?wait=20', {}, { 'idempotency-key': 'key-1' })
      await eventually('the command on the bus', () => house.broker.depth(commandQueue))
      await house.settle({
        command_id: 'key-1',
        status: 'rejected',
        error: { code: 'journey/unknown', message: 'No journey', details: [] },
      })
      const answer = await asked

      expect(answer.statusCode).to.equal(409)
      expect(answer.headers['content-type']).to.equal('application/problem+json; charset=utf-8')
      expect(answer.json()).to.deep.include({
        code: 'journey/unknown',
        detail: 'No journey',
        command_id: 'key-1',
        status: 409,
      })
      expect(answer.json<{ command: object }>().command).to.deep.include({ status: 'rejected', command_id: 'key-1' })
    }))

  it('answers 422 when it failed for what it said, 500 when it failed for what we did', () =>
    withHouse(async (house) => {
      for (const [code, status] of [
        ['command/invalid', 422],
        ['internal/bug', 500],
      ] as const) {
        const asked = post(house, '/journeys?wait=20', body, { 'idempotency-key': code })
        await eventually('the command on the bus', () => house.broker.take(commandQueue))
        await house.settle({ command_id: code, status: 'failed', error: { code, message: 'so it is', details: [] } })
        const answer = await asked
        expect([answer.statusCode, answer.json<{ code: string }>().code]).to.deep.equal([status, code])
      }
    }))

  it('answers 504 with a link when the time runs out', () =>
    withHouse(async (house) => {
      const answer = await post(house, '/journeys?wait=0.1', body, { 'idempotency-key': 'a key/ä' })

      expect(answer.statusCode).to.equal(504)
      expect(answer.json()).to.deep.include({ code: 'command/outcome_pending', command_id: 'a key/ä' })
      expect((await get(house, '/commands/a%20key%2F%C3%A4')).json()).to.deep.include({ command_id: 'a key/ä' })
    }))

  it('with the key of a settled one is published again and answers the first outcome', () =>
    withHouse(async (house) => {
      await post(house, '/journeys', body, { 'idempotency-key': 'key-1' })
      await house.settle({ command_id: 'key-1' })
      const again = await post(house, '/journeys?wait=5', body, { 'idempotency-key': 'key-1' })
      const receipt = await post(house, '/journeys', body, { 'idempotency-key': 'key-1' })

      expect(again.statusCode).to.equal(200)
      expect(again.json()).to.deep.include({ command_id: 'key-1', status: 'accepted' })
      expect(receipt.json()).to.deep.include({ command_id: 'key-1', status: 'accepted' })
      expect(await house.broker.depth(commandQueue)).to.equal(3)
    }))

  it('with a key of another one is refused and not published', () =>
    withHouse(async (house) => {
      await post(house, '/journeys', body, { 'idempotency-key': 'key-1' })
      const other = await post(house, '/journeys', { ...body, client_id: 'client-9' }, { 'idempotency-key': 'key-1' })

      expect(other.statusCode).to.equal(409)
      expect(other.json()).to.deep.include({ code: 'command/key_reused' })
      expect(await house.broker.depth(commandQueue)).to.equal(1)
    }))

  it('with the key of a failed one is a new try', () =>
    withHouse(async (house) => {
      const error = { code: 'command/expired', message: 'too late', details: [] }
      await house.settle({ command_id: 'key-1', status: 'failed', error })
      const answer = await post(house, '/journeys', body, { 'idempotency-key': 'key-1' })

      expect(answer.json()).to.deep.include({ command_id: 'key-1', status: 'pending' })
      expect((await get(house, '/commands/key-1')).json()).to.deep.include({ status: 'pending', error: null })
    }))
})

describe('a command that cannot be taken', () => {
  const refused: [what: string, url: string, payload: unknown, status: number, code: string, fields: string[]][] = [
    ['unreadable JSON', '/journeys', '{"client_id":', 400, 'json/unreadable', []],
    ['bytes that are no text', '/journeys', Buffer.from([0xff, 0xfe]), 400, 'json/not_utf8', []],
    ['a list', '/journeys', [], 422, 'command/not_an_object', []],
    ['null', '/journeys', 'null', 422, 'command/invalid', ['client_id', 'data_sources']],
    ['nothing', '/journeys', {}, 422, 'command/invalid', ['client_id', 'data_sources']],
    [
      'wrong and unknown fields',
      '/journeys',
      { client_id: '../etc', data_sources: [], nonsense: 1, constructor: 2 },
      422,
      'command/invalid',
      ['client_id', 'constructor', 'data_sources', 'nonsense'],
    ],
    ['a NUL in a text', '/journeys/c/hold', '{"reason":"a\\u0000b"}', 422, 'json/text_not_storable', ['reason']],
    [
      'a client unlike the path',
      '/journeys/c/hold',
      { client_id: 'd', reason: 'r' },
      422,
      'command/invalid',
      ['client_id'],
    ],
    ['an odd client in the path', '/journeys/%2e%2e%2fx/hold', { reason: 'r' }, 422, 'command/invalid', ['client_id']],
    ['a NUL in the path', '/journeys/%00/hold', { reason: 'r' }, 422, 'command/invalid', ['client_id']],
    ['too long a wait', '/journeys/c/hold?wait=31', { reason: 'r' }, 422, 'request/invalid', ['wait']],
    ['a wait that is no number', '/journeys/c/hold?wait=x', { reason: 'r' }, 422, 'request/invalid', ['wait']],
    ['an unknown parameter', '/journeys/c/hold?waiting=1', { reason: 'r' }, 422, 'request/invalid', ['waiting']],
  ]

  it('is answered with every field that is wrong, and leaves nothing behind', () =>
    withHouse(async (house) => {
      for (const [what, url, payload, status, code, fields] of refused) {
        const answer = await post(house, url, payload)
        const found = answer.json<{ status: number; code: string; errors: { field: string }[] }>()
        expect([what, answer.statusCode, found.code]).to.deep.equal([what, status, code])
        expect([what, ...new Set(found.errors.map(({ field }) => field))].sort()).to.deep.equal(
          [what, ...fields].sort(),
        )
        expect(answer.headers['content-type']).to.contain('application/problem+json')
      }
      expect(await house.broker.depth(commandQueue)).to.equal(0)
      expect(await house.db.selectFrom('commands').selectAll().execute()).to.deep.equal([])
    }))

  it('is answered 413 beyond 256 KiB, as a body and as the command made of it', () =>
    withHouse(async (house) => {
      const withText = (bytes: number) => ({ ...body, parameters: { text: 'x'.repeat(bytes) } })
      const [far, near] = [
        await post(house, '/journeys', withText(2 << 20)),
        await post(house, '/journeys', withText(262_000)),
      ]

      expect([far.statusCode, far.json<{ code: string }>().code]).to.deep.equal([413, 'json/too_large'])
      expect([near.statusCode, near.json<{ code: string }>().code]).to.deep.equal([413, 'json/too_large'])
    }))

  it('is answered 415 in another media type, so that no form of a web page can send one', () =>
    withHouse(async (house) => {
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
        const answer = await post(house, '/journeys', JSON.stringify(body), { 'content-type': type })
        expect([type, answer.statusCode]).to.deep.equal([type, 415])
      }
    }))

  it('is answered 422 for a key that no command can have', () =>
    withHouse(async (house) => {
      for (const key of ['', 'x'.repeat(129)]) {
        const answer = await post(house, '/journeys', body, { 'idempotency-key': key })
        expect([key, answer.statusCode]).to.deep.equal([key, 422])
      }
    }))
})

describe('with servers away, the API', () => {
  it('answers 503 soon without the broker, and the command is not known; what can be read is read', () =>
    withHouse(async (house) => {
      house.toBroker.sever()
      const began = Date.now()
      const answer = await post(house, '/journeys', body, { 'idempotency-key': 'key-1' })

      expect(answer.statusCode).to.equal(503)
      expect(answer.json<{ code: string }>().code).to.match(/^broker\//)
      expect(Date.now() - began).to.be.lessThan(3_000)
      expect((await get(house, '/commands/key-1')).statusCode).to.equal(404)
      expect((await get(house, '/journeys')).statusCode).to.equal(200)
      expect((await house.app.inject('/health')).statusCode).to.equal(200)
      const ready = await house.app.inject('/ready')
      expect(ready.statusCode).to.equal(503)
      expect(ready.json<{ checks: object }>().checks).to.deep.include({ database: { ok: true } })
      house.toBroker.mend()
      const accepted = () => post(house, '/journeys', body, { 'idempotency-key': 'key-1' })
      await eventually('commands are taken again', async () => (await accepted()).statusCode === 202)
    }))

  it('answers 503 within its limit while the broker keeps silent', () =>
    withHouse(async (house) => {
      house.toBroker.stall()
      const answer = await post(house, '/journeys', body)
      house.toBroker.flow()

      expect(answer.statusCode).to.equal(503)
      expect(await house.db.selectFrom('commands').selectAll().execute()).to.deep.equal([])
    }))

  it('answers 503 while nobody takes commands', () =>
    withHouse(
      async (house) => {
        const answer = await post(house, '/journeys', body)
        expect([answer.statusCode, answer.json<{ code: string }>().code]).to.deep.equal([503, 'broker/unroutable'])
        expect(await house.db.selectFrom('commands').selectAll().execute()).to.deep.equal([])
      },
      { handlerQueue: false },
    ))

  it('leaves the outcome of a failed command as it was when its new try cannot be published', () =>
    withHouse(async (house) => {
      const error = { code: 'command/expired', message: 'too late', details: [] }
      await house.settle({ command_id: 'key-1', status: 'failed', error })
      house.toBroker.sever()
      await post(house, '/journeys', body, { 'idempotency-key': 'key-1' })

      expect((await get(house, '/commands/key-1')).json()).to.deep.include({ status: 'failed', error })
      house.toBroker.mend()
    }))

  it('answers 503 without the database, and goes on by itself once it is back', () =>
    withHouse(async (house) => {
      house.toDatabase.sever()
      const [read, command, health, ready] = await Promise.all([
        get(house, '/journeys'),
        post(house, '/journeys', body),
        house.app.inject('/health'),
        house.app.inject('/ready'),
      ])
      expect([read.statusCode, command.statusCode, health.statusCode, ready.statusCode]).to.deep.equal([
        503, 503, 200, 503,
      ])
      expect(read.json()).to.deep.include({ code: 'database/away' })
      house.toDatabase.mend()
      expect((await get(house, '/journeys')).statusCode).to.equal(200)
    }))
})
