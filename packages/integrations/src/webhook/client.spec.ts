import { createHmac } from 'node:crypto'
import { silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { createSink, type Answer, type Sink } from '../testing/sink.js'
import { createWebhookClient, type Webhook, type WebhookClient, type WebhookClientOptions } from './client.js'

const secret = 'a key for specs'
const webhook: Webhook = {
  deliveryId: 'd-1',
  eventId: 'e-1',
  eventType: 'journey.stage_transition',
  occurredAt: '2026-01-27T10:30:00.000Z',
  body: Buffer.from('{ "client_id":"Zoë & Ünal", "n":1.0 }'),
}

const withSink = async (
  answer: Answer | undefined,
  options: Partial<WebhookClientOptions>,
  use: (client: WebhookClient, sink: Sink) => Promise<void>,
) => {
  const sink = await createSink(answer)
  const client = createWebhookClient({ url: sink.url, secret, timeoutMs: 5_000, log: silentLog(), ...options })
  try {
    await use(client, sink)
  } finally {
    await sink.stop()
    await client.stop()
  }
}

const answering =
  (status: number, headers: Record<string, string> = {}, text = ''): Answer =>
  (response) =>
    response.writeHead(status, headers).end(text)

describe('a webhook on its way', () => {
  it('carries a signature that verifies over the raw bytes', () =>
    withSink(undefined, {}, async (client, sink) => {
      await client.send(webhook)
      const [{ body, headers }] = sink.received as [Sink['received'][0]]
      expect(body.equals(webhook.body)).to.equal(true)
      expect(headers['x-webhook-signature']).to.equal(
        `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      )
    }))

  it('is a POST of JSON to the whole address, naming delivery and event', () =>
    withSink(undefined, {}, async (client, sink) => {
      expect(await client.send(webhook)).to.deep.equal({ outcome: 'delivered', status: 204 })
      const [{ method, path, headers }] = sink.received as [Sink['received'][0]]
      expect({ method, path }).to.deep.equal({ method: 'POST', path: '/webhooks/journey?tenant=1' })
      expect(headers).to.include({
        'content-type': 'application/json',
        'x-delivery-id': 'd-1',
        'idempotency-key': 'd-1',
        'x-event-id': 'e-1',
        'x-event-type': 'journey.stage_transition',
        'x-event-timestamp': '2026-01-27T10:30:00.000Z',
      })
    }))

  it('is not taken elsewhere by a redirect', () =>
    withSink(undefined, {}, (_, elsewhere) =>
      withSink(answering(307, { location: elsewhere.url }), {}, async (client) => {
        expect(await client.send(webhook)).to.include({ outcome: 'rejected', status: 307 })
        expect(elsewhere.received).to.have.length(0)
      }),
    ))

  it('brings back the beginning of what the receiver said', () =>
    withSink(answering(500, {}, `broken\u0000\n${'x'.repeat(1_000)}`), {}, async (client) => {
      const attempt = await client.send(webhook)
      expect(attempt).to.include({ outcome: 'failed', code: 'webhook/server_error', status: 500 })
      expect('message' in attempt && attempt.message).to.match(/^answered 500: broken x{290,293}$/)
    }))

  it('fails in time when the receiver keeps silent', () =>
    withSink(
      () => undefined,
      { timeoutMs: 100 },
      async (client) => {
        expect(await client.send(webhook)).to.include({ outcome: 'failed', code: 'webhook/timeout' })
      },
    ))

  it('fails as unreachable when nobody listens', () =>
    withSink(undefined, {}, async (client, sink) => {
      await sink.stop()
      expect(await client.send(webhook)).to.include({ outcome: 'failed', code: 'webhook/unreachable' })
    }))

  it('fails as unreachable when the receiver hangs up', () =>
    withSink(
      (response) => response.destroy(),
      {},
      async (client) => {
        expect(await client.send(webhook)).to.include({ outcome: 'failed', code: 'webhook/unreachable' })
      },
    ))

  it('is delivered by the status alone, even if the rest of the answer never comes', () =>
    withSink(
      (response) => void response.writeHead(200).write('o'),
      { timeoutMs: 200 },
      async (client) => {
        expect(await client.send(webhook)).to.deep.equal({ outcome: 'delivered', status: 200 })
      },
    ))
})

describe('a receiver that asks to be left alone', () => {
  it('is left alone by every webhook until its Retry-After is over', () =>
    withSink(answering(429, { 'retry-after': '60' }), {}, async (client, sink) => {
      expect(await client.send(webhook)).to.include({ code: 'webhook/throttled', retryAfterMs: 60_000 })
      const next = await client.send({ ...webhook, deliveryId: 'd-2' })
      expect(next.outcome === 'held' && next.retryInMs).to.be.within(55_000, 60_000)
      expect(sink.received).to.have.length(1)
    }))
})

describe('a receiver that fails five times in a row', () => {
  const breaker = { failures: 5, openMs: 60_000, probes: 3 }
  const sendTimes = async (client: WebhookClient, times: number) => {
    for (let n = 0; n < times; n++) await client.send(webhook)
  }

  it('is not asked a sixth time', () =>
    withSink(answering(503), { breaker }, async (client, sink) => {
      await sendTimes(client, 6)
      expect(sink.received).to.have.length(5)
      expect(client.circuit).to.equal('open')
      expect((await client.send(webhook)).outcome).to.equal('held')
    }))

  it('is asked again after a while, and all the time once three in a row went well', () =>
    withSink(
      (response, n) => response.writeHead(n <= 5 ? 500 : 200).end(),
      { breaker: { ...breaker, openMs: 0 } },
      async (client, sink) => {
        await sendTimes(client, 7)
        expect(client.circuit).to.equal('half_open')
        await sendTimes(client, 1)
        expect(client.circuit).to.equal('closed')
        expect(sink.received).to.have.length(8)
      },
    ))

  it('is asked all the time when it only refuses', () =>
    withSink(answering(404), { breaker }, async (client, sink) => {
      await sendTimes(client, 6)
      expect(sink.received).to.have.length(6)
    }))

  it('is asked all the time without a breaker', () =>
    withSink(answering(500), {}, async (client, sink) => {
      await sendTimes(client, 6)
      expect(sink.received).to.have.length(6)
    }))
})
