import { randomBytes, randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { agentCreated, knowledgeShared } from '@journey/contracts/testing'
import { createEventStore } from '@journey/event-store'
import { silentLog } from '@journey/runtime'
import { startSystem, until, type System } from './system.js'

describe('a system whose content is sealed, and the events that others publish', function () {
  this.timeout(300_000)
  let system: System
  before(async () => {
    system = await startSystem({ JOURNEY_ENCRYPTION_KEY: randomBytes(32).toString('base64') })
  })
  after(() => system.stop())

  const publish = (event: { event_id?: unknown; event_type: string }) =>
    void system.bus.channel.publish('journey.events', event.event_type, Buffer.from(JSON.stringify(event)), {
      contentType: 'application/json',
      persistent: true,
      messageId: String(event.event_id),
    })
  const metricsOf = async (service: string) =>
    (await fetch(`${system.endpoints.services[service] ?? ''}/metrics`)).text()
  const itemsOf = (path: string, isIt: (item: any) => boolean) =>
    until(path, async () => {
      const { body } = await system.get(path)
      const items = (body.items as any[]).filter(isIt)
      return items.length > 0 && items
    })

  it('shows the examples of the integration patterns, as they stand there, each once, however often they come', async () => {
    const heard = await system.bus.listen('#')
    const publishBoth = () => [agentCreated(), knowledgeShared()].forEach(publish)
    publishBoth()
    const { agent_id: agentId, ...agent } = agentCreated().data
    const [shown] = await itemsOf('/agents', (one) => one.agent_id === agentId)
    expect(shown).to.include({ ...agent, registered: false })
    await itemsOf('/knowledge-shares', () => true)
    for (let times = 0; times < 2; times++) publishBoth()
    for (const family of ['agent', 'knowledge'])
      await until(`two duplicates counted in ${family}.events`, async () =>
        (await metricsOf('command-handler')).includes(
          `journey_bus_messages_consumed_total{queue="${family}.events",outcome="duplicate",service="command-handler"} 2\n`,
        ),
      )
    const shares = await itemsOf('/knowledge-shares', () => true)
    expect(shares).to.have.length(1)
    expect(shares[0]).to.deep.include({ ...knowledgeShared().data, event_id: knowledgeShared().event_id })
    expect((await system.get('/received-events')).body.items).to.have.length(2)
    // Published by us, it would come again to everybody.
    expect(heard.filter(({ key }) => key === 'knowledge.shared')).to.have.length(3)
  })

  it('stores them sealed, and plain is only where they stand', async () => {
    const store = createEventStore({ url: system.endpoints.event_store, log: silentLog() })
    try {
      const [stored] = await store.read('received-knowledge', { from: 0, maxCount: 1 })
      expect(stored).to.include({ id: knowledgeShared().event_id, revision: 0 })
      expect(JSON.stringify(stored!.data)).not.to.include(knowledgeShared().data.domain)
    } finally {
      await store.stop()
    }
  })

  it('keeps types that it does not know in the list of all, changes of agents with them, and patterns and notifications in lists of their own', async () => {
    const common = { event_version: '1.0', timestamp: '2026-01-27T10:30:00Z', source: 'spec' }
    const event = (event_type: string, data: object) => ({
      ...common,
      ...{ event_id: randomUUID(), event_type, data, metadata: { correlation_id: 'spec' } },
    })
    const pattern = { pattern_id: 'p-1', agent_id: 'a-1', pattern_type: 'retry', confidence: 0.75 }
    publish(event('pattern.learned', pattern))
    publish(event('notification.requested', { channel: 'email', recipient: 'dana' }))
    publish(event('knowledge.withdrawn', { knowledge_id: 'k-1' }))
    const changed = { agent_id: agentCreated().data.agent_id, changes: { type: 'curator' }, updated_by: 'dana' }
    publish(event('agent.updated', changed))
    const [updated] = await itemsOf('/agents', ({ type }) => type === 'curator')
    expect(updated).to.include({ ...agentCreated().data, type: 'curator' })
    const [learned] = await itemsOf('/patterns', () => true)
    expect(learned).to.include({ pattern_id: 'p-1', agent_id: 'a-1' })
    const [asked] = await itemsOf('/notifications', () => true)
    expect(asked).to.include({ channel: 'email' })
    const [withdrawn] = await itemsOf('/received-events?type=knowledge.withdrawn', () => true)
    expect(withdrawn.data).to.deep.equal({ knowledge_id: 'k-1' })
  })

  it('finds one without a field that it must have among the dead letters', async () => {
    const whole = knowledgeShared()
    const fields = ['event_id', 'event_type', 'timestamp', 'source', 'data', 'metadata'] as const
    for (const field of fields) {
      const { [field]: _, ...rest } = { ...whole, ...(field !== 'event_id' && { event_id: randomUUID() }) }
      system.bus.channel.publish('journey.events', 'knowledge.shared', Buffer.from(JSON.stringify(rest)), {
        contentType: 'application/json',
        persistent: true,
      })
    }
    await until('all of them', async () => {
      const { body } = await system.get('/dead-letters?queue=knowledge.events')
      return body.items.length === fields.length
    })
  })

  it('brings them again when the read model is rebuilt or a stream is made anew, and to a queue from outside', async () => {
    const before = (await system.get('/received-events')).body.items
    const ended = async (path: object): Promise<any> => {
      const { body } = await system.post('/replays', path)
      return until('the replay', async () => {
        const { body: replay } = await system.get(`/replays/${body.id}`)
        return replay.state !== 'running' && replay
      })
    }
    const rebuilt = await ended({ consumer: 'projector', from: '1970-01-01T00:00:00Z', mode: 'rebuild' })
    expect(rebuilt).to.include({ state: 'completed' })
    expect((await system.get('/received-events')).body.items).to.deep.equal(before)
    const filter = { type: 'knowledge.*' }
    const anew = await ended({ consumer: 'projector', from: '1970-01-01T00:00:00Z', mode: 'reprocess', filter })
    expect(anew).to.deep.include({ state: 'completed', progress: { done: 1, total: 1 } })
    expect((await system.get('/received-events')).body.items).to.deep.equal(before)
    expect((await system.get('/knowledge-shares')).body.items).to.have.length(1)

    const queue = `outside.${randomUUID()}`
    await system.bus.channel.assertQueue(queue, { durable: true })
    const sent = await ended({
      consumer: queue,
      from: '1970-01-01T00:00:00Z',
      mode: 'redeliver',
      filter,
    })
    expect(sent).to.deep.include({ state: 'completed', progress: { done: 2, total: 2 } })
    const message = await system.bus.channel.get(queue, { noAck: true })
    expect(message).to.not.equal(false)
    const { content, properties } = message as Exclude<typeof message, false>
    expect(JSON.parse(content.toString())).to.deep.include({ event_id: knowledgeShared().event_id })
    expect(properties.headers).to.include({ 'x-replay-id': sent.id, stream: 'received-knowledge', revision: 0 })
    await system.bus.channel.deleteQueue(queue)
  })
})
