import { expect } from 'chai'
import { randomUUID } from 'node:crypto'
import type { Recorded } from '@journey/contracts'
import { messageOf } from '@journey/messaging/testing'
import type { Channel } from './channel.js'
import { createNotifier } from './notifier.js'

const channel = (name: string, hears = true): Channel => ({
  name,
  target: '',
  isEnabled: true,
  tell: () => (hears ? { eventType: 'journey.started', clientId: 'client-123', payload: {} } : undefined),
})

/** What becomes of one event that comes as often as there are sets of channels, on a store that remembers. */
const fatesOf = async (...channels: Channel[][]) => {
  const event = { id: randomUUID(), event: { type: 'JourneyStarted' } } as Recorded
  const stored = new Set<string>()
  const fates: unknown[] = []
  for (const each of channels) {
    const message = messageOf({ queue: 'notifier.events' })
    await createNotifier({
      read: () => Promise.resolve(event),
      channels: each,
      store: ({ deliveryId }) => Promise.resolve(!stored.has(deliveryId) && stored.add(deliveryId).has(deliveryId)),
      stored: () => undefined,
    })(message)
    fates.push(message.fate)
  }
  return fates
}

describe('an event that the notifier is told of', () => {
  const [crm, slack, deaf] = [channel('crm'), channel('slack'), channel('deaf', false)]

  it('is a duplicate when every channel that hears of it was told before', async () =>
    expect(await fatesOf([crm, deaf], [crm, deaf])).to.deep.equal([undefined, 'duplicate']))

  it('is none while a channel has yet to be told', async () =>
    expect(await fatesOf([crm], [crm, slack])).to.deep.equal([undefined, undefined]))

  it('is none when no channel hears of it', async () =>
    expect(await fatesOf([deaf], [deaf])).to.deep.equal([undefined, undefined]))
})
