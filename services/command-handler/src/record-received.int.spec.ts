import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { deadLetterQueueOf, exchanges, familyQueue, receivedFamilies, toBus, type Stored } from '@journey/contracts'
import * as examples from '@journey/contracts/testing'
import { eventually } from '@journey/messaging/testing'
import { openHouse, type House } from './testing/house.js'

describe('what others publish onto journey.events', () => {
  let house: House
  before(async () => {
    house = await openHouse()
  })
  after(() => house.close())

  /** Under ids of their own, since specs share the event store. */
  const agentCreated = () => examples.agentCreated({ event_id: randomUUID() })
  const knowledgeShared = () => examples.knowledgeShared({ event_id: randomUUID() })
  type Event = { event_id: string; event_type: string }
  const publish = (event: object, key = (event as Event).event_type) =>
    house.broker.publish(exchanges.events.name, key, event)
  const streamOf = ({ event_type }: Event) => `received-${event_type.split('.')[0]}`
  const recordsOf = async (event: Event) =>
    (await house.store.read(streamOf(event))).filter(({ data }) => (data as Event | null)?.event_id === event.event_id)
  const recorded = (event: Event) =>
    eventually('the record', async () => {
      const row = await house.db
        .selectFrom('received_ids')
        .selectAll()
        .where('event_id', '=', event.event_id)
        .executeTakeFirst()
      return row && row.revision !== null ? row : undefined
    })
  const letterOf = (eventId: string) =>
    eventually('the dead letter', async () =>
      (await house.deadLetters()).find(({ body }) => body.toString().includes(eventId)),
    )

  for (const [what, event] of [
    ['the first example', agentCreated()],
    ['the second example', knowledgeShared()],
    ['a type without a schema of its own', { ...agentCreated(), event_type: 'notification.sent' }],
    ['a change of an agent', { ...agentCreated(), event_type: 'agent.updated' }],
    ['a learned pattern', { ...agentCreated(), event_type: 'pattern.learned' }],
  ] as const)
    it(`records ${what} as it is, under its own id`, async () => {
      await publish(event)
      await recorded(event)
      const [stored, ...more] = await recordsOf(event)
      expect(more).to.deep.equal([])
      expect(stored).to.deep.include({ id: event.event_id, type: 'ReceivedEvent', data: event })
      expect(stored!.metadata).to.include({ $correlationId: 'req_abc123', version: '1.0', source: event.source })
    })

  it('records what comes again once, and one that a dead recorder had stored already', async () => {
    const event = knowledgeShared()
    await publish(event)
    await recorded(event)
    await house.db
      .updateTable('received_ids')
      .set({ revision: null as never })
      .where('event_id', '=', event.event_id)
      .execute()
    await publish(event)
    const { revision } = await recorded(event)
    const stored = await recordsOf(event)
    expect(stored.map((one) => one.revision)).to.deep.equal([Number(revision)])
  })

  it('refuses an id that said something else before', async () => {
    const event = knowledgeShared()
    await publish(event)
    await recorded(event)
    await publish({ ...event, source: 'somebody else' })
    expect(await letterOf(event.event_id)).to.deep.include({
      queue: 'knowledge.events',
      reason: 'malformed',
      code: 'event/id_reused',
      state: 'open',
    })
    expect(await recordsOf(event)).to.have.length(1)
  })

  it('derives a UUID where the id is none, and keeps the id', async () => {
    const event = { ...knowledgeShared(), event_id: `k-${randomUUID()}` }
    await publish(event)
    await recorded(event)
    const [stored] = await recordsOf(event)
    expect(stored!.id).to.match(/^[0-9a-f]{8}-/)
    expect(stored!.data).to.deep.equal(event)
  })

  it('keeps what is malformed as a dead letter, and says what is wrong', async () => {
    const lacking = { ...knowledgeShared(), data: { knowledge_id: 'k-1' } }
    await publish(lacking)
    const letter = await letterOf(lacking.event_id)
    expect(letter).to.deep.include({ queue: 'knowledge.events', reason: 'malformed', code: 'event/invalid' })
    expect(letter.message).to.include('source_agent_id')
    const elsewhere = knowledgeShared()
    await publish(elsewhere, 'pattern.learned')
    expect(await letterOf(elsewhere.event_id)).to.deep.include({ queue: 'pattern.events', code: 'event/invalid' })
    const later = { ...knowledgeShared(), event_version: '2.0' }
    await publish(later)
    expect(await letterOf(later.event_id)).to.deep.include({ reason: 'unsupported_version' })
  })

  it('keeps what nobody can read as a dead letter of the family’s own queue, in each family', async () => {
    for (const family of receivedFamilies) {
      const poison = `no event of ${family}, ${randomUUID()}`
      await house.broker.publish(exchanges.events.name, `${family}.poisoned`, Buffer.from(poison))
      const letter = await letterOf(poison)
      const told = { queue: familyQueue(family), type: `${family}.poisoned`, reason: 'malformed', attempts: 1 }
      expect(letter).to.deep.include({ ...told, state: 'open' })
      expect(letter.body.toString()).to.equal(poison)
      expect(await house.broker.depth(deadLetterQueueOf(familyQueue(family)))).to.equal(0)
    }
  })

  it('lets our own events go by, and takes no claim on a place of ours', async () => {
    const agentId = `agent-${randomUUID()}`
    const data = { agent_id: agentId, name: 'A', intents: ['build'], type: 'x', version: '1' }
    await house.ask('agent.register', { command_id: randomUUID(), data })
    const [stored] = await house.store.read(`agent-${agentId}`)
    const ours = toBus(stored as Stored)!
    await publish(ours)
    const forged = { ...ours, event_id: randomUUID() }
    await publish(forged)
    expect(await letterOf(forged.event_id)).to.deep.include({ queue: 'agent.events', code: 'event/foreign' })
    await eventually('nothing waits', async () => (await house.broker.depth('agent.events')) === 0)
    expect(await recordsOf(ours)).to.deep.equal([])
    expect((await house.deadLetters()).some(({ body }) => body.toString().includes(ours.event_id))).to.equal(false)
  })
})
