import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { createProofs, fromBus, proofHeader, type AnyRecorded } from '@journey/contracts'
import { retryMark, type DeadLetterCause } from '@journey/messaging'
import { messageOf } from '@journey/messaging/testing'
import type { AppliedSlice, Step } from '@journey/read-model'
import { malformed, silentLog, unavailable } from '@journey/runtime'
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
const proofs = createProofs(Buffer.alloc(32, 7))
const forged = (body: unknown) =>
  messageOf({ body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) })
/** As the relay sends it. */
const carrying = (told: unknown) => {
  const message = forged(told)
  if (typeof told === 'string') return message
  const { event_id: id, metadata } = told as ReturnType<typeof event>
  const { stream, revision, position } = metadata
  const proof = proofs.of({ id, stream, revision, position }, message.body)
  const headers = { stream, revision, position, [proofHeader]: proof }
  return { ...message, properties: { messageId: id, headers } }
}

const setup = (apply?: ProjectorPorts['apply'], standing: ProjectorPorts['standing'] = nowhere) => {
  const told: string[] = []
  const causes: DeadLetterCause[] = []
  const none: AppliedSlice<Step> = { applied: 0, duplicates: 0, healed: 0, parked: 0, parkedNow: [], results: [] }
  const project = createProjector({
    apply: (batch, again) => {
      told.push(`apply ${batch.events.map(({ stream, revision }) => `${stream}@${revision}`).join(' ')}`)
      return apply?.(batch, again) ?? Promise.resolve([none])
    },
    proofs: () => Promise.resolve(proofs),
    standing: (claimed) => {
      told.push(`look at ${claimed.stream}@${claimed.revision}`)
      return standing(claimed)
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
    meters: {
      applied: () => told.push('counted'),
      unreadable: () => told.push('unreadable'),
      unproven: (messages) => told.push(`unproven ${messages}`),
    },
    service: 'projector',
    now: () => new Date('2026-01-27T10:30:01Z'),
    log: silentLog(),
  })
  return { project, told, causes }
}

const nowhere = () => Promise.reject(malformed('event/foreign', 'it stands nowhere'))

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
      'dead letter event/unsupported_version',
      'unreadable',
      'unreadable',
    ])
    expect(causes.map(({ reason }) => reason)).to.deep.equal(['malformed', 'unsupported_version'])
  })

  it('closes the dead letters whose retries it could read, and no others', async () => {
    const { project, told } = setup()
    const [mended, broken] = [randomUUID(), randomUUID()]
    const retry = (body: unknown, id: string) => {
      const message = carrying(body)
      const headers = { ...message.properties.headers, ...retryMark({ id, retry: 2 }) }
      return { ...message, properties: { ...message.properties, headers } }
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

describe('a gap that is deeper than a slice', () => {
  const none: AppliedSlice<Step> = { applied: 0, duplicates: 0, healed: 0, parked: 0, parkedNow: [], results: [] }
  const of = (client: string, revision: number) =>
    carrying(event({ data: { ...event().data, client_id: client } }, { stream: `journey-${client}`, revision }))
  /** Takes so many slices for the streams of a client; another one's are through with the first. */
  const deepFor = (client: string, slices: number): ProjectorPorts['apply'] => {
    let left = slices
    return ({ events }) => {
      const behind = events.filter(({ stream }) => stream === `journey-${client}`)
      const isDeep = behind.length > 0 && --left > 0
      return Promise.resolve([{ ...none, ...(isDeep && { rest: { events: behind, freed: [] } }) }])
    }
  }

  it('is healed a slice after the other before the batch is done, and what is applied is not applied again', async () => {
    const { project, told } = setup(deepFor('deep', 3))
    await project([of('deep', 9), of('other', 3)])
    expect(told.filter((line) => line !== 'counted')).to.deep.equal([
      'apply journey-deep@9 journey-other@3',
      'apply journey-deep@9',
      'apply journey-deep@9',
    ])
  })

  it('keeps no other queue waiting', async () => {
    const { project, told } = setup(deepFor('deep', 1_000))
    const deep = project([of('deep', 9)])
    await project([of('other', 3)])
    expect(told.filter((line) => line !== 'counted').length).to.be.below(10)
    await project([of('other', 4)])
    await deep
    expect(told.filter((line) => line.includes('deep'))).to.have.length(1_000)
  })

  it('has streams freed by the queue that brought what they waited for', async () => {
    let isFirst = true
    const freed = [{ stream: 'unit_of_work-w', by: 'journey-c' }]
    const asked: unknown[] = []
    const { project } = setup((batch) => {
      asked.push(batch.freed)
      const rest = isFirst && { rest: { events: [], freed } }
      isFirst = false
      return Promise.resolve([{ ...none, ...rest }])
    })
    await Promise.all([project([of('c', 0)]), project([of('other', 3)])])
    expect(asked).to.deep.equal([[], freed])
  })

  it('is left between two slices when the channel is gone, and the batch is not done', async () => {
    const gone = new AbortController()
    const { project, told } = setup((batch) => {
      gone.abort()
      return Promise.resolve([{ ...none, rest: batch }])
    })
    let caught: unknown
    await project([{ ...of('deep', 9), signal: gone.signal }]).catch((error: unknown) => (caught = error))
    expect(caught).to.have.property('code', 'projection/interrupted')
    expect(told).to.deep.equal(['apply journey-deep@9', 'counted'])
  })

  it('closes the dead letter that showed it once it is healed', async () => {
    const { project, told } = setup(deepFor('deep', 2))
    const mended = randomUUID()
    const message = of('deep', 9)
    const headers = { ...message.properties.headers, ...retryMark({ id: mended, retry: 1 }) }
    await project([{ ...message, properties: { ...message.properties, headers } }])
    expect(told.filter((line) => line.startsWith('resolved'))).to.deep.equal([`resolved ${mended} 1`])
    expect(told.at(-1)).to.equal(`resolved ${mended} 1`)
  })
})

describe('a message without a proof of the relay', () => {
  const recorded = (over: object): AnyRecorded => ({ ...fromBus(forged(event()).body), ...over })

  it('has the event applied that stands where it says, after those with a proof', async () => {
    const applied: AnyRecorded[] = []
    const apply: ProjectorPorts['apply'] = ({ events }) => {
      applied.push(...events)
      return Promise.resolve([])
    }
    const { project, told } = setup(apply, () => Promise.resolve(recorded({ source: 'the store' })))
    await project([forged(event({ source: 'a liar' })), carrying(event({}, { revision: 4 }))])
    expect(told).to.deep.equal(['apply journey-c@4', 'unproven 1', 'look at journey-c@3', 'apply journey-c@3'])
    expect(applied.map(({ source }) => source)).to.deep.equal(['command-handler', 'the store'])
  })

  it('is a dead letter when nothing stands there, and closes no other', async () => {
    const { project, told, causes } = setup()
    const lie = forged(event())
    await project([{ ...lie, properties: { headers: retryMark({ id: randomUUID(), retry: 1 }) } }])
    expect(told).to.deep.equal(['unproven 1', 'look at journey-c@3', 'dead letter event/foreign', 'unreadable'])
    expect(causes.map(({ reason, code }) => [reason, code])).to.deep.equal([['malformed', 'event/foreign']])
  })

  it('is not looked up when it cannot be read', async () => {
    const { project, told } = setup()
    await project([forged('rubbish')])
    expect(told).to.deep.equal(['dead letter json/unreadable', 'unreadable'])
  })

  it('waits while the event store is away, and those with a proof do not', async () => {
    const { project, told } = setup(undefined, () => Promise.reject(unavailable('event-store/away', 'away')))
    let caught: unknown
    await project([forged(event()), carrying(event({}, { revision: 4 }))]).catch((error: unknown) => (caught = error))
    expect(caught).to.have.property('code', 'event-store/away')
    expect(told).to.deep.equal(['apply journey-c@4', 'counted', 'unproven 1', 'look at journey-c@3'])
  })
})
