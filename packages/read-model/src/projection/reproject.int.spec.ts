import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import type { AnyRecorded, Recorded, Received } from '@journey/contracts'
import { agentCreated, knowledgeShared } from '@journey/contracts/testing'
import { applyBatch, type Consumer } from '../gates/apply-batch.js'
import { withReadModel } from '../testing/database.js'
import { actions, logOf } from '../testing/histories.js'
import { actualRows } from '../testing/rows.js'
import type { Step } from './fold.js'
import { project } from './project.js'
import { reproject } from './reproject.js'

const common = {
  version: '1.0',
  at: '2026-01-27T10:00:00.000Z',
  source: 'spec',
  correlationId: 'spec',
  causationId: 'spec',
  actor: { type: 'unknown', id: 'spec' },
}

/** The stream of one family of others, by type and data. */
const received = (family: string, ...events: [type: string, data: object][]): Recorded<Received>[] =>
  events.map(([event_type, data], revision) => ({
    ...common,
    id: `${family}-${revision}`,
    event: { type: 'ReceivedEvent', data: { event_type, data: { ...data } } },
    stream: `received-${family}`,
    revision,
    position: String(1_000_000 + revision),
  }))

const registered = (agentId: string): Recorded => ({
  ...common,
  id: randomUUID(),
  event: {
    type: 'AgentCreated',
    data: {
      agent_id: agentId,
      name: 'Own words',
      intents: ['build'],
      type: 'builder',
      version: '2',
      cognitive_pattern: null,
      created_by: 'dana',
    },
  },
  stream: `agent-${agentId}`,
  revision: 0,
  position: '1',
})

async function* inParts(events: readonly AnyRecorded[], size: number): AsyncGenerator<readonly AnyRecorded[]> {
  for (let from = 0; from <= events.length; from += size) yield await Promise.resolve(events.slice(from, from + size))
}

describe('a stream whose rows are made anew', () => {
  const database = withReadModel()
  const consumer = (): Consumer<Step> => ({
    db: database().db,
    name: 'spec',
    project,
    readMissing: () => [],
  })

  const created = (agent_id: string) => ({ ...agentCreated().data, agent_id })

  it('has the rows that it had, in whatever parts it is read', async () => {
    const { db } = database()
    const ours = logOf(
      Array.from({ length: 60 }, (_, n) => ({ client: 0, action: actions[(n * 31) % actions.length]!, pick: n % 17 })),
      'reprojected',
    )
    const agents = received(
      'agent',
      ['agent.created', created('outside')],
      ['agent.created', created('own')],
      ['agent.updated', { agent_id: 'outside', name: 'Renamed' }],
      ['agent.updated', { agent_id: 'own', name: 'Renamed' }],
    )
    const knowledge = received(
      'knowledge',
      ...Array.from({ length: 5 }, (): [string, object] => ['knowledge.shared', knowledgeShared().data]),
    )
    const all: AnyRecorded[] = [registered('own'), ...ours, ...agents, ...knowledge]
    expect(await applyBatch(consumer(), all)).to.include({ applied: all.length, parked: 0 })
    const before = await actualRows(db)
    for (const stream of new Set(all.map((one) => one.stream)))
      for (const size of [1, 2, 1_000]) {
        const events = all.filter((one) => one.stream === stream)
        expect(await reproject(db, 'spec', stream, () => inParts(events, size))).to.equal(events.length)
        expect(await actualRows(db), `${stream} by ${size}`).to.deep.equal(before)
      }
  })

  it('stays as it was when a later part cannot be read', async () => {
    const { db } = database()
    const before = await actualRows(db)
    const events = received('knowledge', ['knowledge.shared', knowledgeShared().data])
    const failing = async function* () {
      yield* inParts(events, 1)
      throw new Error('away')
    }
    let error: unknown
    await reproject(db, 'spec', 'received-knowledge', failing).catch((thrown: unknown) => (error = thrown))
    expect(error).to.be.an('error').with.property('message', 'away')
    expect(await actualRows(db)).to.deep.equal(before)
  })
})

describe('an agent that others tell of as well', () => {
  const database = withReadModel()

  it('speaks for itself once it is registered, whichever comes first', async () => {
    const { db } = database()
    const consumer = { db, name: 'spec', project, readMissing: () => [] }
    const told = received(
      'agent',
      ['agent.created', { ...agentCreated().data, agent_id: 'late' }],
      ['agent.created', { ...agentCreated().data, agent_id: 'early' }],
    )
    await applyBatch(consumer, [registered('early')])
    await applyBatch(consumer, told)
    await applyBatch(consumer, [registered('late')])
    const rows = await db.selectFrom('agents').selectAll().orderBy('agent_id').execute()
    for (const [row, id] of [
      [rows[0]!, 'early'],
      [rows[1]!, 'late'],
    ] as const)
      expect(row).to.deep.include({ agent_id: id, name: 'Own words', type: 'builder', registered: true })
    const { length } = await db.selectFrom('received_events').select('event_id').execute()
    expect(length, 'what was told of them is kept').to.equal(2)
  })
})
