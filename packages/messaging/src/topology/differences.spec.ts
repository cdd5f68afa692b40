import { exchanges, queuesOfIntent, topologyFor, type Queue } from '@journey/contracts'
import { expect } from 'chai'
import { differencesBetween, type Found } from './differences.js'

const table = topologyFor({ version: '3.10.8' })

/** A broker that has exactly the queues given. */
const brokerWith = (queues: readonly Queue[]): Found => ({
  exchanges: table.exchanges.map(({ name, type }) => ({ name, type, durable: true })),
  queues: queues.map(({ name, arguments: own }) => ({
    name,
    type: String(own['x-queue-type']),
    durable: true,
    exclusive: false,
    arguments: { ...own },
  })),
  bindings: queues.flatMap(({ name, bindings }) =>
    bindings.map(({ exchange, key }) => ({ exchange, key, queue: name })),
  ),
})

const inShort = (found: Found) =>
  differencesBetween(table, found).map(({ kind, thing, name, part, is, should }) =>
    [kind, thing, name, part, is, should].filter((word) => word !== null).join(' '),
  )

describe('the difference between table and broker', () => {
  it('is none on a broker that was declared by it, with queues of intents and of strangers beside', () => {
    const found = brokerWith([...table.queues, ...queuesOfIntent('deploy')])
    const stranger = { name: 'crm.events', type: 'classic', durable: false, exclusive: false, arguments: {} }
    const theirs = { exchange: exchanges.events.name, queue: 'crm.events', key: '#' }
    const replay = { exchange: exchanges.replay.name, queue: 'notifier.replays', key: 'notifier.1' }
    expect(
      inShort({ ...found, queues: [...found.queues, stranger], bindings: [...found.bindings, theirs, replay] }),
    ).to.deep.equal([])
  })

  it('is everything on an empty broker', () => {
    const differences = inShort({ exchanges: [], queues: [], bindings: [] })
    expect(differences).to.have.lengthOf(table.exchanges.length + table.queues.length)
    expect(differences).to.include('missing exchange journey.events topic').and.include('missing queue notifier.events')
  })

  it('names each argument that differs, is missing or is too many, of queues of intents too', () => {
    const found = brokerWith([...table.queues, ...queuesOfIntent('deploy')])
    const changed = (name: string, change: (own: Record<string, unknown>) => Record<string, unknown>) => {
      const at = found.queues.findIndex((queue) => queue.name === name)
      return { ...found.queues[at]!, arguments: change(found.queues[at]!.arguments) }
    }
    const queues = [
      ...found.queues.filter(({ name }) => name !== 'notifier.events' && name !== 'tasks.deploy'),
      changed('notifier.events', ({ 'x-overflow': _, ...own }) => ({ ...own, 'x-message-ttl': 1, 'x-max-length': 5 })),
      { ...changed('tasks.deploy', (own) => own), type: 'classic' },
    ]
    expect(inShort({ ...found, queues })).to.deep.equal([
      'different queue notifier.events x-overflow reject-publish',
      'different queue notifier.events x-message-ttl 1 86400000',
      'different queue notifier.events x-max-length 5',
      'different queue tasks.deploy x-queue-type classic quorum',
    ])
  })

  it('names missing and extra bindings', () => {
    const found = brokerWith(table.queues)
    const bindings = found.bindings.filter(
      ({ queue, key, exchange }) =>
        !(queue === 'projector.events.3' && key === 'bucket.03' && exchange.endsWith('events')),
    )
    const extra = { exchange: exchanges.events.name, queue: 'projector.events.0', key: 'bucket.03' }
    expect(inShort({ ...found, bindings: [...bindings, extra] })).to.deep.equal([
      'extra binding projector.events.0 journey.events: bucket.03',
      'missing binding projector.events.3 journey.events: bucket.03',
    ])
  })

  it('names queues of ours beyond the table, and a migration that was cut off', () => {
    const wider = topologyFor({ version: '3.10.8' }, { projectorQueues: 5 })
    const beyond = wider.queues.filter(({ name }) => name.startsWith('projector.events.4'))
    const [sagas] = table.queues.filter(({ name }) => name === 'saga-processor.events')
    const found = brokerWith([...table.queues, ...beyond, { ...sagas!, name: 'saga-processor.events.migrating' }])
    expect(inShort(found)).to.deep.equal([
      'unfinished queue saga-processor.events a migration was cut off',
      'extra queue projector.events.4.dlq',
      'extra queue projector.events.4',
    ])
  })

  it('knows the queue of an intent that a migration has deleted and not yet declared anew', () => {
    const [, deploy] = queuesOfIntent('deploy')
    const found = brokerWith([...table.queues, { ...deploy!, name: 'tasks.deploy.migrating', bindings: [] }])
    expect(inShort(found)).to.deep.equal([
      'unfinished queue tasks.deploy a migration was cut off',
      'missing queue tasks.deploy',
    ])
  })

  it('names an exchange of another type', () => {
    const found = brokerWith(table.queues)
    const others = found.exchanges.map((one) => (one.name === 'journey.dlx' ? { ...one, type: 'fanout' } : one))
    expect(inShort({ ...found, exchanges: others })).to.deep.equal(['different exchange journey.dlx type fanout topic'])
  })
})
