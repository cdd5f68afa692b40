import { exchanges, type ControlMessage } from '@journey/contracts'
import { eventually } from '@journey/messaging/testing'
import { standingOrder } from '@journey/read-model'
import { expect } from 'chai'
import { withHouse, type House } from '../testing/house.js'

const setup = async ({ app, broker }: House) => {
  const { queue } = await broker.channel.assertQueue('heard', { durable: true })
  await broker.channel.bindQueue(queue, exchanges.control.name, '')
  const say = async (action: string, payload: object = {}) => {
    const headers = { 'x-actor': 'dana' }
    const answer = await app.inject({ method: 'POST', url: `/api/v1/control/${action}`, headers, payload })
    return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() }
  }
  const heard = async () =>
    JSON.parse((await eventually('a broadcast', () => broker.take(queue))).body.toString()) as ControlMessage
  const paused = () =>
    eventually('the stats know it', async () => {
      const { paused: told } = (await app.inject('/api/v1/stats')).json<{ paused: { items?: object[] } }>()
      return told.items
    })
  return { say, heard, paused }
}

describe('broadcasts over HTTP', () => {
  it('reach who hears, are written down, and show in the stats until they are taken back', () =>
    withHouse(async (house) => {
      const { say, heard, paused } = await setup(house)
      const asked = { services: ['projector'], reason: 'maintenance' }
      const { status, body } = await say('pause', asked)
      expect(status).to.equal(202)
      expect(body).to.deep.include({ action: 'pause', ...asked, actor: { type: 'user', id: 'dana' } })
      expect(await heard()).to.deep.equal({ action: 'pause', ...asked, actor: 'dana' })
      expect(await standingOrder(house.db, 'projector')).to.include({ action: 'pause', reason: 'maintenance' })
      expect(await standingOrder(house.db, 'notifier')).to.equal(undefined)
      expect(await paused()).to.deep.equal([
        { service: 'projector', instances: 0, by: 'dana', reason: 'maintenance', since: body.at },
      ])
      expect((await say('resume')).status).to.equal(202)
      expect(await heard()).to.deep.equal({ action: 'resume', actor: 'dana' })
      expect(await paused()).to.deep.equal([])
      await say('reload', { services: ['event-relay'], log_level: 'debug' })
      expect(await heard()).to.include({ action: 'reload', log_level: 'debug' })
      const rows = await house.db.selectFrom('control_actions').select('action').orderBy('id').execute()
      expect(rows.map(({ action }) => action)).to.deep.equal(['pause', 'resume', 'reload'])
    }))

  it('name what is wrong, and hold for nobody while the broker is away', () =>
    withHouse(async (house) => {
      const { say } = await setup(house)
      for (const [action, payload] of [
        ['pause', {}],
        ['pause', { reason: 'x', services: ['api'] }],
        ['pause', { reason: 'x', services: [] }],
        ['pause', { reason: 'x', log_level: 'debug' }],
        ['reload', { services: ['nobody'] }],
        ['reload', { log_level: 'loud' }],
      ] as const)
        expect((await say(action, payload)).status, JSON.stringify(payload)).to.equal(422)
      expect((await say('explode')).status).to.equal(404)
      house.toBroker.sever()
      expect((await say('pause', { reason: 'x' })).status).to.equal(503)
      expect(await standingOrder(house.db, 'projector')).to.equal(undefined)
    }))
})
