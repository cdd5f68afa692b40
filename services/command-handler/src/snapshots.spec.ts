import { Agent, Journey, UnitOfWork, agentStream, journeyStream, unitOfWorkStream } from '@journey/domain'
import { goodAgents, simulation } from '@journey/domain/testing'
import { decoded, versionOf, type DomainEvent } from '@journey/contracts'
import { eventIdFor } from '@journey/event-store'
import { refolded } from '@journey/event-store/testing'
import { expect } from 'chai'
import * as fc from 'fast-check'

/** What a person may do at any moment of a journey. */
const acts = [
  'approve',
  'reject',
  'hold',
  'release',
  'rollback',
  'validate',
  'retry',
  'cancel work',
  'time out',
] as const
const ends = ['complete', 'cancel', 'start again'] as const
const history = fc.record({
  acts: fc.array(fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...acts) }, fc.constantFrom(...ends)), {
    maxLength: 14,
  }),
  order: fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
  failing: fc.array(fc.constantFrom('provision', 'data', 'deploy', 'access', 'scale', 'scale_down'), { maxLength: 2 }),
  critical: fc.array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 6 }),
  autoApprove: fc.boolean(),
})
type History = typeof history extends fc.Arbitrary<infer T> ? T : never

const lived = ({ acts, order, failing, critical, autoApprove }: History) => {
  const client_id = 'client-123'
  let [turn, measured] = [0, 0]
  const it = simulation({
    parameters: { auto_approve: autoApprove, note: 'ä €\u2028"\\' },
    agents: {
      ...goodAgents,
      fails: (task, attempt) => failing.includes(task as 'data') && attempt <= 1 + (turn % 3),
      measure: () => [
        { name: 'vulnerabilities_critical', value: critical[measured++ % critical.length]! },
        { name: 'vulnerabilities_high', value: 0 },
        { name: 'adoption', value: 0.9 },
        { name: 'incidents_p0', value: 0 },
        { name: 'incidents_p1', value: 0 },
      ],
    },
  })
  const run = () => it.run((count) => order[turn++ % order.length]! % count)
  const someWork = () => [...it.works.keys()][turn % it.works.size] ?? 'none'
  const decide = (decision: 'approve' | 'reject') => {
    const open = it.openApproval()
    if (open) it.send({ type: 'approval.decide', data: { ...open, decision, comment: 'seen' } })
  }
  const carriedOut: Record<(typeof acts)[number] | (typeof ends)[number], () => void> = {
    approve: () => decide('approve'),
    reject: () => decide('reject'),
    hold: () => it.send({ type: 'journey.hold', data: { client_id, reason: 'audit' } }),
    release: () => it.send({ type: 'journey.release', data: { client_id, reason: 'audited' } }),
    rollback: () => it.send({ type: 'journey.rollback', data: { client_id, reason: 'bug' } }),
    validate: () => it.send({ type: 'journey.validate_exit', data: { client_id } }),
    retry: () => it.send({ type: 'unit_of_work.retry', data: { work_id: someWork() } }),
    'cancel work': () => it.send({ type: 'unit_of_work.cancel', data: { work_id: someWork(), reason: 'enough' } }),
    'time out': () => it.send({ type: 'unit_of_work.time_out', data: { work_id: someWork() } }),
    complete: () => it.send({ type: 'journey.complete', data: { client_id } }),
    cancel: () => it.send({ type: 'journey.cancel', data: { client_id, reason: 'enough' } }),
    'start again': () => it.start(),
  }
  it.start()
  run()
  for (const act of acts) {
    carriedOut[act]()
    run()
  }
  return it
}

/** Events as they come out of the event store, several of them of one command. */
const stored = (stream: string, events: readonly DomainEvent[]) =>
  events.map(({ type, data }, revision) => ({
    id: eventIdFor(`command ${Math.floor(revision / 3)}`, stream, revision % 3),
    stream,
    revision,
    type,
    data: JSON.parse(JSON.stringify(data)) as unknown,
    metadata: { version: versionOf(type) },
  }))

const folds = {
  journey: decoded<Journey.State, Journey.Event>(Journey),
  work: decoded<UnitOfWork.State, UnitOfWork.Event>(UnitOfWork),
  agent: decoded<Agent.State, Agent.Event>(Agent),
}

const expectAlike = (
  fold: (typeof folds)[keyof typeof folds],
  stream: string,
  events: readonly DomainEvent[],
): { splits: number } => {
  const all = stored(stream, events)
  const whole = refolded<unknown, never>(fold as never, all, 0)
  for (let split = 1; split <= all.length; split += 1)
    expect(refolded<unknown, never>(fold as never, all, split), `${stream} split after ${split}`).to.deep.equal(whole)
  return { splits: all.length }
}

describe('a snapshot and the events after it', () => {
  it('make what all events make, whatever happened to a journey and its units of work, wherever it was taken', () => {
    let splits = 0
    fc.assert(
      fc.property(history, (random) => {
        const { journey, works } = lived(random)
        splits += expectAlike(folds.journey, journeyStream('client-123'), journey).splits
        for (const [workId, events] of works) splits += expectAlike(folds.work, unitOfWorkStream(workId), events).splits
      }),
      { numRuns: 60 },
    )
    expect(splits).to.be.above(1_000)
  }).timeout(60_000)

  it('make what all events make, of an agent too', () => {
    const registration = fc.record({
      agent_id: fc.constant('a'),
      name: fc.string(),
      intents: fc.array(fc.string()),
      type: fc.string(),
      version: fc.string(),
      cognitive_pattern: fc.option(fc.string()),
    })
    fc.assert(
      fc.property(fc.array(registration, { minLength: 1 }), (all) => {
        const events = all.map((data, n): Agent.Event =>
          n === 0
            ? { type: 'AgentCreated', data: { ...data, created_by: 'a' } }
            : { type: 'AgentUpdated', data: { ...data, updated_by: 'a' } },
        )
        expectAlike(folds.agent, agentStream('a'), events)
      }),
    )
  })
})
