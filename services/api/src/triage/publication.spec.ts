import { bucketOf, commandQueue } from '@journey/contracts'
import type { Retry } from '@journey/read-model'
import { expect } from 'chai'
import { publicationOf } from './publication.js'

const id = '2f6f1a0e-8f0c-4b69-9a43-5a0f2a8f3b11'
const retryOf = (over: Partial<Retry> = {}): Retry => ({
  id,
  queue: commandQueue,
  exchange: 'journey.commands',
  routing_key: 'journey.start',
  message_id: 'crm-1',
  type: 'journey.start',
  command_id: 'crm-1',
  properties: { messageId: 'crm-1', replyTo: 'answers', correlationId: 'c', priority: 9 },
  headers: { own: 'one', 'x-dead-original': { exchange: 'journey.commands', CC: ['other'], expiration: '1' } },
  retry: 2,
  body: Buffer.from('{}'),
  isEdited: false,
  ...over,
})
const mark = { 'x-dead-letter-id': id, 'x-dead-letter-retry': 2 }

describe('a retried dead letter', () => {
  it('goes back as a command by the exchange it came from, without what would act a second time', () => {
    expect(publicationOf(retryOf())).to.deep.equal({
      exchange: 'journey.commands',
      key: 'journey.start',
      body: Buffer.from('{}'),
      properties: {
        messageId: 'crm-1',
        replyTo: 'answers',
        correlationId: 'c',
        priority: 9,
        headers: { own: 'one', ...mark },
      },
    })
  })

  it('goes straight to its queue as anything else, and as a command that was put there by name', () => {
    for (const [queue, exchange] of [
      ['notifier.events', 'journey.events'],
      ['tasks.install', 'journey.tasks'],
      [commandQueue, ''],
    ] as const)
      expect(publicationOf(retryOf({ queue, exchange }))).to.include({ exchange: '', key: queue })
  })

  it('goes by its bucket as an event of the projector, whose queue may be gone', () => {
    const retry = retryOf({ queue: 'projector.events.5', headers: { 'partition-key': 'journey-client-1' } })
    const key = `bucket.${bucketOf('journey-client-1')}`
    expect(publicationOf(retry)).to.include({ exchange: 'journey.received', key })
    const unreadable = retryOf({ queue: 'projector.events.5', exchange: 'journey.events' })
    expect(publicationOf(unreadable)).to.include({ exchange: '', key: 'projector.events.5' })
  })

  it('has the same message id at every publishing, even if it never had one', () => {
    const { messageId: _, ...properties } = retryOf().properties
    expect(publicationOf(retryOf({ message_id: null, properties })).properties.messageId).to.equal(id)
  })

  it('goes out as the new command when it was edited', () => {
    const edited = { isEdited: true, type: 'journey.hold', command_id: 'mended' }
    const { key, properties } = publicationOf(retryOf(edited))
    expect(key).to.equal('journey.hold')
    expect(properties).to.include({ messageId: 'mended', type: 'journey.hold', contentType: 'application/json' })
  })

  it('has the bytes of its headers back', () => {
    const { headers } = publicationOf(
      retryOf({ headers: { bytes: { base64: 'AP8=' }, list: [{ base64: 1 }] } }),
    ).properties
    expect(headers).to.deep.equal({ bytes: Buffer.from([0, 255]), list: [{ base64: 1 }], ...mark })
  })
})
