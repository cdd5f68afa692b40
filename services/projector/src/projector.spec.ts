import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import type { AnyRecorded } from '@journey/contracts'
import { retryMark, type DeadLetterCause } from '@journey/messaging'
import { messageOf } from '@journey/messaging/testing'
import type { Applied, Step } from '@journey/read-model'
import { silentLog, unavailable } from '@journey/runtime'
import { createProjector, type ProjectorPorts } from './projector.js'

const event = (over: object = {}, metadata: object = {}) => ({
  event_id: '550e8400-e29b-41d4-a716-446655440000',
  event_type: 'journey.promotion_held',
  event_version: '1.0',
  timestamp: '2026-01-27T10:30:00.000Z',
  source: 'command-handler',
  data: { client_id: 'c', episode: 1, stage: 'sandbox', visit: 1, reason: 'r', held_by: 'dana' },
  metadata: {
    correlation_id: 'a',
    causation_id: 'b',
    actor: { type: 'user', id: 'dana' },
    stream: 'journey-c',
    revision: 3,
    position: '18446',
    ...metadata,
  },
  ...over,
})
const carrying = (body: unknown) =>
  messageOf({ body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) })

const setup = (apply?: ProjectorPorts['apply']) => {
  const told: string[] = []
  const causes: DeadLetterCause[] = []
  const none: Applied<Step> = { applied: 0, duplicates: 0, healed: 0, parked: 0, parkedNow: [], results: [] }
  const project = createProjector({
    apply: (events: readonly AnyRecorded[], again) => {
      told.push(`apply ${events.map(({ stream, revision }) => `${stream}@${revision}`).join(' ')}`)
      return apply?.(events, again) ?? Promise.resolve([none])
    },
    deadLetter: (_, cause) => {
      told.push(`dead letter ${cause.code}`)
      causes.push(cause)
      return Promise.resolve()
    },
    resolved: (retried) => {
      told.push(`resolved ${retried.map(({ id, retry }) => `${id} ${retry}`).join(', ')}`)
      return Promise.resolve()
    },
    meters: { applied: () => told.push('counted'), unreadable: () => told.push('unreadable') },
    service: 'projector',
    now: () => new Date('2026-01-27T10:30:01Z'),
    log: silentLog(),
  })
  return { project, told, causes }
}

describe('a batch of event messages', () => {
  it('is applied as a whole, in the order of the queue', async () => {
    const { project, told } = setup()
    await project([carrying(event()), carrying(event({}, { revision: 4 }))])
    expect(told).to.deep.equal(['apply journey-c@3 journey-c@4', 'counted'])
  })

  it('loses what cannot be read to the dead letters, once the others are applied', async () => {
    const { project, told, causes } = setup()
    await project([carrying('rubbish'), carrying(event()), carrying(event({ event_version: '2.0' }))])
    expect(told).to.deep.equal([
      'apply journey-c@3',
      'counted',
      'dead letter json/unreadable',
      'unreadable',
      'dead letter event/unsupported_version',
      'unreadable',
    ])
    expect(causes.map(({ reason }) => reason)).to.deep.equal(['malformed', 'unsupported_version'])
  })

  it('closes the dead letters whose retries it could read, and no others', async () => {
    const { project, told } = setup()
    const [mended, broken] = [randomUUID(), randomUUID()]
    const retry = (body: unknown, id: string) => {
      const message = carrying(body)
      return { ...message, properties: { ...message.properties, headers: retryMark({ id, retry: 2 }) } }
    }
    await project([retry(event(), mended), retry('rubbish', broken)])
    expect(told.slice(0, 3)).to.deep.equal(['apply journey-c@3', 'counted', `resolved ${mended} 2`])
  })

  it('takes an event without a place in the log for unreadable', async () => {
    const { project, told } = setup()
    for (const position of [undefined, '', '-1', 'x', 7]) await project([carrying(event({}, { position }))])
    expect(told.filter((line) => line.startsWith('apply'))).to.deep.equal([])
    expect(told.filter((line) => line === 'dead letter event/invalid')).to.have.length(5)
  })

  it('is rejected when a server is away, with nothing lost to the dead letters yet', async () => {
    const { project, told } = setup(() => Promise.reject(unavailable('database/away', 'away')))
    let caught: unknown
    await project([carrying('rubbish'), carrying(event())]).catch((error: unknown) => (caught = error))
    expect(caught).to.have.property('code', 'database/away')
    expect(told).to.deep.equal(['apply journey-c@3'])
  })
})
