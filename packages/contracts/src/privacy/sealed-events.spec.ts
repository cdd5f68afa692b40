import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { codeOf } from '@journey/runtime'
import { domainEventOf } from '../events/event.js'
import { recordedEvents } from '../testing/recorded-events.js'
import { dataKeyOf, type DataKey } from './box.js'
import { hasContentInClear, openEvents, sealEvents } from './sealed-events.js'
import { noClient, type Vault } from './vault.js'

const secret = 'a secret of the client'

/** Keys as the table gives them, without one. */
const vaultOf = (erased: ReadonlySet<string> = new Set()) => {
  const keys = new Map<string, DataKey>()
  const asked: string[] = []
  const keyOf = (owner: string): DataKey => {
    const key = keys.get(owner) ?? dataKeyOf(randomBytes(8).toString('hex'), randomBytes(32))
    keys.set(owner, key)
    return key
  }
  const vault: Vault = {
    seals: true,
    keysFor: (owners) => {
      asked.push(...owners)
      return Promise.resolve(new Map(owners.map((owner) => [owner, erased.has(owner) ? 'erased' : keyOf(owner)])))
    },
    keysById: (ids) => {
      const byId = new Map([...keys].map(([owner, key]) => [key.id, erased.has(owner) ? ('destroyed' as const) : key]))
      return Promise.resolve(new Map(ids.map((id) => [id, byId.get(id)!])))
    },
    erasedAmong: (owners) => Promise.resolve(new Set(owners.filter((owner) => erased.has(owner)))),
    check: () => Promise.resolve('on'),
  }
  return { vault, asked }
}

const none = () => {
  throw new Error('an event did not open')
}

let count = 0
const event = (type: string, data: unknown, stream = 'journey-client-1') => ({
  id: `id-${++count}`,
  type,
  data,
  stream,
  metadata: {},
})

const cancelled = () =>
  event('JourneyCancelled', {
    client_id: 'client-1',
    episode: 1,
    stage: 'sandbox',
    visit: 1,
    reason: secret,
    cancelled_by: 'dana',
  })

describe('an event of others', () => {
  it('belongs to no client, whomever it names, and survives the erasure of each', async () => {
    const erased = new Set(['client-1'])
    const { vault, asked } = vaultOf(erased)
    const named = event('ReceivedEvent', { client_id: 'client-1', data: { text: secret } }, 'received-agent')
    const [stored] = await sealEvents(vault, named.stream, [named])
    expect(JSON.stringify(stored)).not.to.include(secret)
    expect(asked).to.deep.equal([noClient])
    expect(await openEvents(vault, [stored!], none)).to.deep.equal([named])
    expect(await openEvents(vault, [named], none)).to.deep.equal([named])
  })
})

describe('a sealed event', () => {
  it('of every type is what it was, once it is opened, and tells nothing of its content before', async () => {
    const { vault } = vaultOf()
    for (const { type, data } of recordedEvents()) {
      const stored = event(type, data)
      const [sealed] = await sealEvents(vault, stored.stream, [stored])
      expect(hasContentInClear(sealed!), type).to.equal(false)
      const kept = { ...stored, data: JSON.parse(JSON.stringify(sealed!.data)) as unknown }
      const [opened] = await openEvents(vault, [kept], none)
      expect(JSON.stringify(opened!.data), type).to.equal(JSON.stringify(data))
    }
  })

  it('is sealed into the same bytes again, so that repeating an append is harmless', async () => {
    const { vault } = vaultOf()
    const stored = cancelled()
    expect(await sealEvents(vault, stored.stream, [stored])).to.deep.equal(
      await sealEvents(vault, stored.stream, [stored]),
    )
  })

  it('is its skeleton once its client is erased, and folds; what comes late is stored without content', async () => {
    const erased = new Set<string>()
    const { vault } = vaultOf(erased)
    const stored = cancelled()
    const [sealed] = await sealEvents(vault, stored.stream, [stored])
    erased.add('client-1')
    const expected = {
      client_id: 'client-1',
      episode: 1,
      stage: 'sandbox',
      visit: 1,
      reason: 'redacted',
      cancelled_by: 'dana',
    }
    const [opened, inClear] = await openEvents(vault, [{ ...stored, ...sealed! }, stored], none)
    expect(opened!.data).to.deep.equal(expected)
    expect(domainEventOf(opened!)?.data).to.deep.equal(expected)
    expect(inClear!.data, 'stored before encryption was on').to.deep.equal(expected)
    const [late] = await sealEvents(vault, stored.stream, [cancelled()])
    expect(late!.data).to.deep.equal(expected)
  })

  it('opens in its own stream only; one that does not is refused, and holds up no other', async () => {
    const { vault } = vaultOf()
    const [one, other] = [cancelled(), cancelled()]
    const sealed = (await sealEvents(vault, one.stream, [one, other])).map((event) => ({
      ...event,
      stream: one.stream,
    }))
    const unopened: string[] = []
    const moved = { ...sealed[0]!, stream: 'journey-client-2' }
    const changed = { ...sealed[0]!, data: { ...(sealed[0]!.data as object), $sealed: 'AAAA' } }
    const opened = await openEvents(vault, [moved, sealed[1]!, changed], (_, error) => unopened.push(codeOf(error)))
    expect(unopened).to.deep.equal(['privacy/tampered', 'privacy/tampered'])
    expect(opened[1]!.data).to.deep.equal(other.data)
    for (const one of [opened[0]!, opened[2]!])
      expect(() => domainEventOf(one))
        .to.throw()
        .with.property('code', 'privacy/tampered')
  })

  it('belongs to the client in it, a snapshot to the client of its aggregate, and the rest to none', async () => {
    const { vault, asked } = vaultOf()
    const owners = async (stream: string, type: string, data: unknown) => {
      asked.length = 0
      await sealEvents(vault, stream, [event(type, data, stream)])
      return [...asked]
    }
    expect(await owners('unit_of_work-1', 'SnapshotTaken', { state: { creation: { client_id: 'a' } } })).to.deep.equal([
      'a',
    ])
    expect(await owners('snapshot-journey-b', 'SnapshotTaken', { state: {}, hash: 'x' })).to.deep.equal(['b'])
    expect(await owners('received-knowledge', 'knowledge.shared', { text: secret })).to.deep.equal([noClient])
    expect(await owners('$$snapshot-journey-b', '$metadata', { $maxCount: 3 }), 'the store reads it').to.deep.equal([])
  })
})
