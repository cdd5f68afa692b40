import { expect } from 'chai'
import { withHouse, type House } from './testing/house.js'

const from = '2026-01-27T10:00:00Z'
const headers = { 'x-actor': 'dana' }

const ask = async ({ app }: House, method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object) => {
  const answer = await app.inject({ method, url: `/api/v1${url}`, headers, ...(payload && { payload }) })
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>(), headers: answer.headers }
}
const start = (house: House, body: object) => ask(house, 'POST', '/replays', body)

describe('replays over HTTP', () => {
  it('are accepted, shown, paused, resumed and cancelled', () =>
    withHouse(async (house) => {
      const { status, body, headers } = await start(house, { consumer: 'projector', from, mode: 'rebuild' })
      expect(status).to.equal(202)
      expect(body).to.deep.include({
        consumer: 'projector',
        mode: 'rebuild',
        from: '2026-01-27T10:00:00.000Z',
        to: null,
        state: 'running',
        progress: { done: 0, total: null },
        requested_by: { type: 'user', id: 'dana' },
      })
      const url = `/replays/${String(body.id)}`
      expect(headers.location).to.equal(`/api/v1${url}`)
      const stateAfter = async (method: 'GET' | 'POST' | 'DELETE', more = '') => {
        const { status, body } = await ask(house, method, url + more)
        return [status, body.state ?? body.code]
      }
      expect(await stateAfter('POST', '/pause')).to.deep.equal([200, 'paused'])
      expect(await stateAfter('POST', '/pause')).to.deep.equal([200, 'paused'])
      expect(await stateAfter('POST', '/resume')).to.deep.equal([200, 'running'])
      expect(await stateAfter('DELETE')).to.deep.equal([200, 'cancelled'])
      expect(await stateAfter('DELETE')).to.deep.equal([200, 'cancelled'])
      expect(await stateAfter('POST', '/resume')).to.deep.equal([409, 'replay/ended'])
      expect(await stateAfter('GET')).to.deep.equal([200, 'cancelled'])
    }))

  it('are listed, the latest first, page by page', () =>
    withHouse(async (house) => {
      const ids: unknown[] = []
      for (const dry_run of [true, true, true])
        ids.unshift((await start(house, { consumer: 'notifier', from, dry_run })).body.id)
      const first = await ask(house, 'GET', '/replays?limit=2&consumer=notifier')
      const second = await ask(house, 'GET', `/replays?limit=2&cursor=${String(first.body.next_cursor)}`)
      const shown = [first, second].flatMap(({ body }) => (body.items as { id: string }[]).map(({ id }) => id))
      expect(shown).to.have.members(ids)
      expect((await ask(house, 'GET', '/replays?state=completed')).body.items).to.deep.equal([])
    }))

  it('go to a queue that stands on the broker and is nobody of ours', () =>
    withHouse(async (house) => {
      await house.broker.channel.assertQueue('crm.events')
      const { status, body } = await start(house, { consumer: 'crm.events', from, filter: { type: 'journey.*' } })
      expect([status, body.mode]).to.deep.equal([202, 'redeliver'])
    }))

  it('of one consumer run one at a time; dry runs are in nobody’s way', () =>
    withHouse(async (house) => {
      const first = await start(house, { consumer: 'projector', from })
      const second = await start(house, { consumer: 'projector', from, mode: 'reprocess' })
      expect([second.status, second.body.code]).to.deep.equal([409, 'replay/another_under_way'])
      expect(second.body.links).to.deep.equal({ replay: `/api/v1/replays/${String(first.body.id)}` })
      expect((await start(house, { consumer: 'projector', from, dry_run: true })).status).to.equal(202)
      expect((await start(house, { consumer: 'notifier', from })).status).to.equal(202)
    }))

  it('are refused with the field that is wrong', () =>
    withHouse(async (house) => {
      const { queue } = await house.broker.channel.assertQueue('', { exclusive: true })
      const refusals: [body: object, code: string, field: string][] = [
        [{ from }, 'request/invalid', 'consumer'],
        [{ consumer: 'projector' }, 'request/invalid', 'from'],
        [{ consumer: 'projector', from: 'yesterday' }, 'request/invalid', 'from'],
        [{ consumer: 'projector', from: '2016-12-31T23:59:60Z' }, 'request/invalid', 'from'],
        [{ consumer: 'projector', from: '0000-01-01T00:00:00Z' }, 'request/invalid', 'from'],
        [{ consumer: 'projector', from, mode: 'rewind' }, 'request/invalid', 'mode'],
        [{ consumer: 'projector', from, since: from }, 'request/invalid', 'since'],
        [{ consumer: 'notifier', from, filter: { type: 'nobody.knows' } }, 'request/invalid', 'filter.type'],
        [{ consumer: 'projector', from: '2999-01-01T00:00:00Z' }, 'replay/from_in_future', 'from'],
        [{ consumer: 'notifier', from, to: from }, 'replay/window_empty', 'to'],
        [{ consumer: 'projector', from, mode: 'redeliver' }, 'replay/mode_not_possible', 'mode'],
        [{ consumer: 'notifier', from, mode: 'rebuild' }, 'replay/mode_not_possible', 'mode'],
        [{ consumer: 'projector', from, filter: { client_id: 'a' } }, 'replay/rebuild_not_partial', 'mode'],
        [{ consumer: 'nobody', from }, 'replay/consumer_unknown', 'consumer'],
        [{ consumer: 'saga-processor.events', from }, 'replay/consumer_not_possible', 'consumer'],
        [{ consumer: queue, from }, 'replay/consumer_not_possible', 'consumer'], // exclusive to the spec's connection
      ]
      for (const [body, code, field] of refusals) {
        const { status, body: problem } = await start(house, body)
        const [error] = problem.errors as { field: string }[]
        expect([JSON.stringify(body), status, problem.code, error?.field]).to.deep.equal([
          JSON.stringify(body),
          422,
          code,
          field,
        ])
      }
      expect((await ask(house, 'GET', '/replays/nobody')).body.code).to.equal('replay/unknown')
      expect((await ask(house, 'GET', '/replays/00000000-0000-0000-0000-000000000000')).status).to.equal(404)
    }))
})
