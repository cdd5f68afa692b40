import { malformed } from '@journey/runtime'
import { expect } from 'chai'
import { deadLetter, failuresBefore, readDeadLetter, retryLater, type DeadLetterCause } from './dead-letter.js'
import { RejectDelivery } from './consumer.js'
import type { Properties } from './message.js'
import type { Publisher } from './publisher.js'
import { messageOf } from './testing/message.js'

const now = new Date('2026-01-27T10:30:00.000Z')
const cause: DeadLetterCause = {
  reason: 'malformed',
  code: 'command/unreadable',
  message: 'The body is not JSON.',
  service: 'command-handler',
  attempts: 1,
  firstAt: new Date('2026-01-27T10:29:00.000Z'),
  lastAt: now,
}

type Published = { exchange: string; key: string; body: Buffer; properties: Properties }
const setup = () => {
  const published: Published[] = []
  const publisher: Publisher = {
    publish: (exchange, key, body, properties) =>
      Promise.resolve(void published.push({ exchange, key, body, properties: { headers: {}, ...properties } })),
    stop: () => Promise.resolve(),
  }
  return { published, publisher }
}

const command = messageOf({
  body: Buffer.from('rubbish'),
  properties: {
    messageId: 'm-1',
    correlationId: 'c-1',
    replyTo: 'answers',
    type: 't',
    timestamp: 1_769_509_800,
    priority: 7,
    contentType: 'application/json',
    expiration: '60000',
    userId: 'guest',
    headers: {
      traceparent: '00-1',
      CC: ['journey.x'],
      'x-death': [{ queue: 'elsewhere' }],
      'x-first-death-queue': 'elsewhere',
      'x-delivery-count': 2,
    },
  },
})

describe('a dead letter', () => {
  it('of a message without an id is not given one for what it was: only the letter has an id', async () => {
    const { published, publisher } = setup()
    await deadLetter(publisher, messageOf({ body: Buffer.from('rubbish') }), cause)
    const { key, body, properties } = published[0]!
    const letter = messageOf({ body, routingKey: key, properties: { ...properties, messageId: 'drawn' } })
    const { deathId, properties: first } = readDeadLetter(letter, now)
    expect({ deathId, messageId: first.messageId }).to.deep.equal({ deathId: 'drawn', messageId: undefined })
  })

  it('keeps body, properties and headers, sets aside what would act again, and says why', async () => {
    const { published, publisher } = setup()
    await deadLetter(publisher, command, cause)
    expect(published).to.deep.equal([
      {
        exchange: 'journey.dlx',
        key: 'dlx.command-handler.commands',
        body: Buffer.from('rubbish'),
        properties: {
          messageId: 'm-1',
          correlationId: 'c-1',
          replyTo: 'answers',
          type: 't',
          timestamp: 1_769_509_800,
          priority: 7,
          contentType: 'application/json',
          headers: {
            traceparent: '00-1',
            'x-dead-original': JSON.stringify({
              exchange: 'journey.commands',
              routing_key: 'journey.start',
              expiration: '60000',
              user_id: 'guest',
              CC: ['journey.x'],
              'x-death': [{ queue: 'elsewhere' }],
            }),
            'x-dead-reason': 'malformed',
            'x-dead-code': 'command/unreadable',
            'x-dead-message': 'The body is not JSON.',
            'x-dead-service': 'command-handler',
            'x-dead-queue': 'command-handler.commands',
            'x-dead-attempts': 1,
            'x-dead-first-at': '2026-01-27T10:29:00.000Z',
            'x-dead-last-at': '2026-01-27T10:30:00.000Z',
          },
        },
      },
    ])
  })

  it('cuts a long explanation', async () => {
    const { published, publisher } = setup()
    await deadLetter(publisher, command, { ...cause, message: 'x'.repeat(100_000) })
    expect(published[0]?.properties.headers['x-dead-message']).to.have.length(1_000)
  })

  it('is rejected as it is when its headers fit no frame', async () => {
    const publisher: Publisher = {
      publish: () => Promise.reject(malformed('message/headers_too_large', 'too large')),
      stop: () => Promise.resolve(),
    }
    const error = await deadLetter(publisher, command, cause).catch((reason: unknown) => reason)
    expect(error).to.be.instanceOf(RejectDelivery)
  })

  it('reads back as it was written', async () => {
    const { published, publisher } = setup()
    await deadLetter(publisher, command, cause)
    const { properties, body } = published[0]!
    const read = readDeadLetter(
      messageOf({ queue: 'command-handler.commands.dlq', exchange: 'journey.dlx', body, properties }),
      now,
    )
    expect(read).to.deep.include({ ...cause, queue: 'command-handler.commands', body: command.body })
    expect(read.original).to.deep.include({
      exchange: 'journey.commands',
      routing_key: 'journey.start',
      expiration: '60000',
    })
    expect(read.properties.headers).to.deep.equal({ traceparent: '00-1' })
  })

  it('remembers through a waiting queue what the message lost on the way there', async () => {
    const { published, publisher } = setup()
    await retryLater(publisher, command, { label: '5s', delayMs: 5_000 }, { attempts: 3, firstAt: now })
    const { exchange, key, properties } = published[0]!
    expect([exchange, key]).to.deep.equal(['journey.retry', 'command-handler.commands.retry.5s'])
    expect(properties).not.to.have.any.keys('expiration', 'userId')
    expect(properties.headers).not.to.have.any.keys('CC', 'x-death', 'x-first-death-queue', 'x-delivery-count')
    expect(failuresBefore(properties)).to.deep.equal({ attempts: 3, firstAt: now })
    await deadLetter(publisher, messageOf({ properties }), { ...cause, attempts: 7 })
    const { headers } = published[1]!.properties
    expect(JSON.parse(headers['x-dead-original'] as string)).to.include({
      expiration: '60000',
      user_id: 'guest',
      routing_key: 'journey.start',
    })
    expect(headers).not.to.have.any.keys('x-retry-original', 'x-attempts', 'x-first-failed-at')
  })
})

describe("the broker's own dead letter", () => {
  const death = (reason: string) =>
    messageOf({
      queue: 'command-handler.commands.dlq',
      exchange: 'journey.dlx',
      routingKey: 'dlx.command-handler.commands',
      properties: {
        messageId: 'm-1',
        headers: {
          'x-dead-reason': 'poison', // from an earlier life, or a stranger's
          'x-death': [
            {
              reason,
              queue: 'command-handler.commands',
              exchange: 'journey.commands',
              'routing-keys': ['journey.start'],
              time: { '!': 'timestamp', value: 1_769_509_800 },
              'original-expiration': '1000',
              count: 1,
            },
          ],
        },
      },
    })

  it('tells by x-death what the rest is derived from', () => {
    const read = readDeadLetter(death('expired'), new Date(0))
    expect(read).to.deep.include({
      reason: 'expired',
      code: 'message/expired',
      service: 'broker',
      queue: 'command-handler.commands',
      firstAt: now,
      lastAt: now,
    })
    expect(read.original).to.deep.include({
      exchange: 'journey.commands',
      routing_key: 'journey.start',
      expiration: '1000',
    })
  })

  it('has a reason of ours for each of its own', () => {
    const reasons = ['expired', 'rejected', 'delivery_limit', 'maxlen', 'unheard_of'].map(
      (reason) => readDeadLetter(death(reason), now).reason,
    )
    expect(reasons).to.deep.equal(['expired', 'malformed', 'poison', 'attempts_used_up', 'malformed'])
  })

  it('counts how often somebody had it in hand, as far as the broker tells it', () => {
    const attempts = (reason: string, headers: object = {}, queue = 'command-handler.commands') => {
      const { properties, ...message } = death(reason)
      const [its] = properties.headers['x-death'] as object[]
      return readDeadLetter(
        messageOf({
          ...message,
          properties: { ...properties, headers: { ...properties.headers, 'x-death': [{ ...its, queue }], ...headers } },
        }),
        now,
      ).attempts
    }
    expect([attempts('expired'), attempts('maxlen'), attempts('rejected')]).to.deep.equal([0, 0, 1])
    expect(attempts('rejected', { 'x-delivery-count': 2, 'x-attempts': 3 })).to.equal(6)
    expect(attempts('delivery_limit', { 'x-delivery-count': 20 })).to.equal(20)
    expect(attempts('delivery_limit', {}, 'tasks.install_connectors')).to.equal(21)
    expect(attempts('delivery_limit')).to.equal(1)
  })

  it('published by hand is malformed, and says so', () => {
    const read = readDeadLetter(messageOf({ queue: 'notifier.events.dlq' }), now)
    expect(read).to.deep.include({
      reason: 'malformed',
      code: 'message/unknown_death',
      queue: 'notifier.events',
      attempts: 0,
    })
  })
})
