import { expect } from 'chai'
import fc from 'fast-check'
import {
  agentQueue,
  bucketOf,
  buckets,
  familyQueue,
  intentQueue,
  isOwnQueue,
  ownedBy,
  partitionKeyOf,
  queueOfName,
  queuesOfAgent,
  queuesOfIntent,
  receivedFamilies,
  topologyFor,
  type Broker,
  type Queue,
} from './topology.js'

const single: Broker = { version: '3.10.8', clustered: false }
const brokers: Broker[] = [
  single,
  { version: '3.13.7', clustered: true },
  { version: '4.0.5', clustered: false },
  { version: '4.3.0', clustered: true },
]

const queuesOn = (broker: Broker): Queue[] => [
  ...topologyFor(broker).queues,
  ...queuesOfIntent('configure_access'),
  ...queuesOfAgent('data-agent-1'),
]
const named = (name: string, queues: readonly Queue[]): Queue => queues.find((queue) => queue.name === name)!
const commandsOn = (broker: Broker) => named('command-handler.commands', topologyFor(broker).queues).arguments

describe('the topology', () => {
  for (const broker of brokers) {
    const queues = queuesOn(broker)
    const names = new Set(queues.map(({ name }) => name))
    const exchangeNames = new Set(topologyFor(broker).exchanges.map(({ name }) => name))

    describe(`on RabbitMQ ${broker.version}, ${broker.clustered ? 'clustered' : 'one node'}`, () => {
      it('names every queue once', () => {
        expect(names.size).to.equal(queues.length)
      })

      it('gives every queue an explicit type and every quorum queue an explicit delivery limit', () => {
        for (const queue of queues) {
          expect(queue.arguments['x-queue-type'], queue.name).to.be.oneOf(['quorum', 'classic'])
          if (queue.arguments['x-queue-type'] === 'quorum')
            expect(queue.arguments['x-delivery-limit'], queue.name).to.be.at.least(20)
        }
      })

      it('binds to known exchanges only', () => {
        for (const { bindings } of queues)
          for (const { exchange } of bindings) expect(exchangeNames).to.include(exchange)
      })

      it('leads every dead letter to a queue that exists', () => {
        const keys = new Map(
          queues.flatMap(({ name, bindings }) =>
            bindings.map(({ exchange, key }): [string, string] => [`${exchange} ${key}`, name]),
          ),
        )
        for (const { name, arguments: own } of queues) {
          if (name.endsWith('.dlq')) {
            expect(own, name).not.to.have.property('x-dead-letter-exchange')
            expect(own, name).not.to.have.property('x-message-ttl')
            continue
          }
          const target = keys.get(`${own['x-dead-letter-exchange']} ${own['x-dead-letter-routing-key']}`)
          const workQueue = name.replace(/\.retry\.\w+$/, '')
          expect(target, name).to.equal(name === workQueue ? `${name}.dlq` : workQueue)
        }
      })

      it('lets no event queue of projector and saga-processor forget an event', () => {
        for (const { name, arguments: own } of queues)
          if (/^(projector|saga-processor)\.events(\.\d)?$/.test(name)) {
            expect(own).not.to.have.property('x-message-ttl')
            expect(own['x-delivery-limit']).to.be.at.least(1e9)
          }
      })
    })
  }

  it('keeps priorities where the broker can: classic before 4.3 on one node, quorum from 4.3', () => {
    expect(commandsOn(single)).to.deep.equal({
      'x-queue-type': 'classic',
      'x-max-priority': 9,
      'x-message-ttl': 86_400_000,
      'x-dead-letter-exchange': 'journey.dlx',
      'x-dead-letter-routing-key': 'dlx.command-handler.commands',
    })
    expect(commandsOn({ version: '4.2.1', clustered: true })).to.include({ 'x-queue-type': 'quorum' })
    expect(commandsOn({ version: '4.2.1', clustered: true })).not.to.have.property('x-max-priority')
    expect(commandsOn({ version: '4.3.0', clustered: true })).to.include({
      'x-queue-type': 'quorum',
      'x-max-priority': 9,
    })
    expect(commandsOn({ version: '10.0.0', clustered: false })).to.include({ 'x-queue-type': 'quorum' })
  })

  it('has the exchanges of the contract, of all three types', () => {
    expect(topologyFor(single).exchanges.map(({ name, type }) => [name, type])).to.have.deep.members([
      ['journey.commands', 'topic'],
      ['journey.events', 'topic'],
      ['journey.tasks', 'direct'],
      ['journey.retry', 'direct'],
      ['journey.dlx', 'topic'],
      ['journey.replay', 'direct'],
      ['journey.received', 'topic'],
      ['journey.control', 'fanout'],
    ])
  })

  it('binds a queue of its own to each family of events that others publish', () => {
    for (const family of ['agent', 'knowledge', 'pattern', 'notification'])
      expect(named(`${family}.events`, topologyFor(single).queues).bindings, family).to.deep.equal([
        { exchange: 'journey.events', key: `${family}.*` },
        { exchange: 'journey.retry', key: `${family}.events` },
      ])
  })

  it('keeps commands, tasks, notifications and events of others for 24 hours, and nothing else that works', () => {
    const aDay = [
      ...['command-handler.commands', 'notifier.events', 'notifier.replays', 'tasks.configure_access'],
      ...['agent.data-agent-1', 'agent.events', 'knowledge.events', 'pattern.events', 'notification.events'],
    ]
    for (const broker of brokers) {
      const work = queuesOn(broker).filter(({ name }) => !/\.retry\.\w+$|\.dlq$/.test(name))
      const limited = work.filter(({ arguments: own }) => own['x-message-ttl'] !== undefined)
      expect(limited.map(({ name }) => name)).to.have.members(aDay)
      for (const { name, arguments: own } of limited) expect(own['x-message-ttl'], name).to.equal(86_400_000)
    }
  })

  it('waits 5 s, 30 s, 2 min and 10 min and comes back to the work queue', () => {
    const { queues } = topologyFor(single)
    expect(named('notifier.events', queues).bindings).to.deep.include({
      exchange: 'journey.retry',
      key: 'notifier.events',
    })
    const delays = queues.filter(({ name }) => name.startsWith('notifier.events.retry.'))
    expect(delays.map(({ name, arguments: own }) => [name, own['x-message-ttl']])).to.deep.equal([
      ['notifier.events.retry.5s', 5_000],
      ['notifier.events.retry.30s', 30_000],
      ['notifier.events.retry.2m', 120_000],
      ['notifier.events.retry.10m', 600_000],
    ])
  })

  it('binds each bucket to exactly one projector queue on both exchanges, for any number of queues', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), (count) => {
        const bound = ownedBy('projector', topologyFor(single, { projectorQueues: count })).queues.flatMap((queue) =>
          queue.bindings
            .filter(({ key }) => key.startsWith('bucket.'))
            .map(({ exchange, key }) => `${exchange} ${key}`),
        )
        const expected = buckets.flatMap((b) => [`journey.events bucket.${b}`, `journey.received bucket.${b}`])
        expect(bound.sort()).to.deep.equal(expected.sort())
      }),
    ))

  it('gives a service every exchange and its own queues', () => {
    const own = ownedBy('saga-processor', topologyFor(single))
    expect(own.exchanges).to.have.length(8)
    expect(own.queues.map(({ name }) => name)).to.include.members([
      'saga-processor.events',
      'saga-processor.events.dlq',
    ])
    expect(own.queues.every(({ owner }) => owner === 'saga-processor')).to.equal(true)
  })
})

describe('a bucket', () => {
  it('is the first byte of the SHA-256 of the group, modulo 64, for ever', () => {
    // printf '%s' <name> | sha256sum | cut -c1-2, modulo 64
    expect(bucketOf('journey-client-123')).to.equal('17')
    expect(bucketOf('journey-a')).to.equal('34')
    expect(bucketOf('agent-data-agent-1')).to.equal('40')
    expect(bucketOf('received-knowledge')).to.equal('20')
    expect(bucketOf('journey-žluťoučký')).to.equal('24')
  })

  it('holds its share of the groups', () => {
    const counts = new Map<string, number>()
    for (let n = 0; n < 6_400; n++) {
      const bucket = bucketOf(`journey-client-${n}`)
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
    }
    expect(counts.size).to.equal(64)
    expect(Math.max(...counts.values())).to.be.below(150)
  })
})

describe('a message group', () => {
  it('is the client for journeys and units of work', () => {
    expect(partitionKeyOf('journey-client-123')).to.equal('journey-client-123')
    expect(partitionKeyOf('unit_of_work-7', 'client-123')).to.equal('journey-client-123')
  })

  it('is the stream for everything else', () => {
    expect(partitionKeyOf('agent-a1', 'client-123')).to.equal('agent-a1')
    expect(partitionKeyOf('unit_of_work-7')).to.equal('unit_of_work-7')
  })
})

describe('the queues of what others publish', () => {
  it('are ours, and none of them is taken for the queue of an agent', () => {
    for (const family of receivedFamilies)
      for (const name of [familyQueue(family), `${familyQueue(family)}.dlq`, `${familyQueue(family)}.retry.5s`]) {
        expect(isOwnQueue(name), name).to.equal(true)
        expect(queueOfName(name), name).to.equal(undefined)
        expect(topologyFor(single).queues.map((queue) => queue.name)).to.include(name)
      }
    expect(queueOfName(agentQueue('eventsource'))?.name).to.equal('agent.eventsource')
    expect(queueOfName(agentQueue('events.eu'))?.name).to.equal('agent.events.eu')
    expect(queueOfName(intentQueue('events'))?.name).to.equal('tasks.events')
  })
})
