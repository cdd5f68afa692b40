import { foldAll } from '@journey/read-model'
import { expect } from 'chai'
import { createChronicle, healthy, start, type Answer, type Chronicle } from '../testing/chronicle.js'
import { explain, outlook, waitingFor, type Explanation, type Facts } from './waiting.js'

const nothing: Omit<Facts, 'works'> = {
  dispatches: [],
  admissions: [],
  parked: [],
  deadLetters: [],
  nextEvaluations: new Map(),
}

/** What a client's journey waits for, by what the chronicle says and what is known beside. */
const explained = (chronicle: Chronicle, more: Partial<Facts> = {}) => {
  const rows = foldAll(chronicle.events)
  const journey = rows.journey_states[0]!
  const works = rows.unit_of_works.filter(({ status }) => status !== 'completed')
  return { journey, found: explain(journey, { ...nothing, works, ...more }) }
}

const kinds = (found: readonly Explanation[]) => found.map(({ kind }) => kind)

const approve = (chronicle: Chronicle) => {
  const asked = chronicle.events.find(({ event }) => event.type === 'ApprovalRequested')!
  const { work_id, task_id } = asked.event.data as { work_id: string; task_id: string }
  chronicle.act({ type: 'approval.decide', data: { work_id, task_id, decision: 'approve' } }, 'dana')
}

const journeyWith = (answer: (task: { intent: string }) => Answer, options = {}) => {
  const chronicle = createChronicle(answer, options)
  chronicle.act(start('client-123'), 'dana')
  return chronicle
}

const dispatchOf = ({ dispatched }: Chronicle, more: Partial<Facts['dispatches'][number]>): Facts['dispatches'] => {
  const { work_id, task_id, attempt, client_id, stage, intent } = dispatched.at(-1)!
  const row = { work_id, task_id, attempt, client_id, stage, intent, target_agent: null, failed_agent: null }
  const since = '2026-01-27T10:00:05.000Z'
  return [
    {
      ...row,
      timeout_ms: 1,
      state: 'waiting',
      waits_for: null,
      agent_id: null,
      since,
      published_at: null,
      deadline: null,
      ...more,
    },
  ]
}

describe('what a journey waits for', () => {
  it('is an operator, when a message that takes it further died, and not when one of another client did', () => {
    const chronicle = journeyWith(() => undefined)
    const letter = {
      id: '1f0c',
      client_id: 'client-123',
      queue: 'command-handler.commands',
      type: 'unit_of_work.create',
      code: 'json/too_large',
      message: 'The body has too many bytes',
      last_at: '2026-01-27T10:00:05.000Z',
    }
    const { found } = explained(chronicle, { deadLetters: [letter, { ...letter, client_id: 'client-9' }] })
    const told = found.filter(({ kind }) => kind === 'dead_letter')
    expect(told.map(({ who, since }) => [who, since])).to.deep.equal([['operator', letter.last_at]])
    expect(told[0]!.says).to.include('unit_of_work.create died in command-handler.commands (json/too_large')
    expect(told[0]!.to_do).to.include('dlq show 1f0c')
  })

  it('is an agent at work, until its deadline', () => {
    const chronicle = journeyWith(() => undefined)
    const deadline = '2026-01-27T10:02:05.000Z'
    const published_at = '2026-01-27T10:00:05.000Z'
    const dispatches = dispatchOf(chronicle, { state: 'published', agent_id: 'agent-7', published_at, deadline })
    const [one] = explained(chronicle, { dispatches }).found.map(waitingFor)

    expect(one).to.deep.include({ kind: 'task', who: 'agent-7', since: published_at, next_at: deadline })
    expect(one?.task_id).to.equal('provision_infra')
  })

  it('is an agent that is not there, by its intent', () => {
    const chronicle = journeyWith(() => undefined)
    const dispatches = dispatchOf(chronicle, { waits_for: 'an agent that offers provision_sandbox_environment' })
    const { found } = explained(chronicle, { dispatches })

    expect(found.map(waitingFor)[0]).to.deep.include({ kind: 'agent', who: 'provision_sandbox_environment' })
    expect(found[0]?.says).to.contain('provision_sandbox_environment')
  })

  it('is a place among those that may work at once', () => {
    const chronicle = createChronicle(() => undefined)
    chronicle.act(start('client-123'))
    const first = chronicle.events.filter(({ stream }) => stream === 'journey-client-123')
    const journey = foldAll(first).journey_states[0]!
    const admission = { work_id: 'w', client_id: 'client-123', kind: 'setup', requested_at: '2026-01-27T10:00:01.000Z' }
    const found = explain(journey, { ...nothing, works: [], admissions: [admission, { ...admission, client_id: 'x' }] })

    expect(found.map(waitingFor)).to.deep.equal([
      {
        kind: 'capacity',
        who: 'max_concurrent_journeys',
        since: admission.requested_at,
        next_at: null,
        work_id: 'w',
        task_id: null,
      },
    ])
  })

  it('is somebody, once the set-up has failed for good', () => {
    const { found } = explained(journeyWith(() => ({ code: 'disk/full', message: 'no room' })))
    expect(kinds(found)).to.deep.equal(['failed_work'])
    expect(found[0]).to.deep.include({ who: 'operator' })
    expect(found[0]?.says).to.contain('no room')
    expect(found[0]?.to_do).to.contain('journey-cli retry-tasks')
  })

  it('is the client, for a decision', () => {
    const { journey, found } = explained(journeyWith(healthy))
    expect(found.map(({ kind, who, task_id }) => [kind, who, task_id])).to.deep.equal([
      ['approval', 'client', 'demo_approval'],
    ])
    expect(outlook(journey)).to.equal('Then, with the exit of sandbox passed, the client is promoted to pilot')
  })

  it('is a failed check, and the time when it is measured again', () => {
    const chronicle = journeyWith((task) =>
      task.intent === 'validate_search_quality'
        ? { agent_id: 'a', output: { measurements: [{ name: 'precision', value: 0.5, sample_size: 1000 }] } }
        : healthy(task),
    )
    approve(chronicle)
    const next = '2026-01-27T11:00:00.000Z'
    const { found } = explained(chronicle, { nextEvaluations: new Map([['client-123', next]]) })

    expect(found.map(waitingFor)).to.have.length(1)
    expect(found[0]).to.deep.include({ kind: 'exit_criteria', who: 'search_quality', next_at: next })
    expect(found[0]?.says).to.contain('precision 0.5 breaks min 0.8')
  })

  it('is somebody to promote where that does not happen by itself', () => {
    const chronicle = journeyWith(healthy, { autoPromotion: false })
    approve(chronicle)
    expect(explained(chronicle).found.map(({ kind, who }) => [kind, who])).to.deep.equal([['promotion', 'operator']])
  })

  it('is the hold, and not the promotion that it holds', () => {
    const chronicle = journeyWith(healthy, { autoPromotion: false })
    chronicle.act({ type: 'journey.hold', data: { client_id: 'client-123', reason: 'audit' } }, 'erin')
    approve(chronicle)
    const { journey, found } = explained(chronicle)

    expect(found.map(({ kind, who }) => [kind, who])).to.deep.equal([['hold', 'erin']])
    expect(outlook(journey)).to.contain('waits for the hold to be released')
  })

  it('is the end of a rollback, and somebody once that has failed', () => {
    const undone = ['remove_monitoring', 'revoke_user_access', 'remove_production_environment']
    const under = (answer: Answer) => {
      const chronicle = journeyWith((task) => (undone.includes(task.intent) ? answer : healthy(task)), {
        autoPromotion: false,
      })
      approve(chronicle)
      chronicle.act({ type: 'journey.promote', data: { client_id: 'client-123' } }, 'dana')
      chronicle.act({ type: 'journey.rollback', data: { client_id: 'client-123', reason: 'bug' } }, 'dana')
      return explained(chronicle).found
    }
    expect(kinds(under(undefined))).to.deep.equal(['task', 'rollback'])
    const failed = under({ code: 'cloud/away', message: 'no cloud' })
    expect(failed.map(({ kind, who }) => [kind, who])).to.deep.equal([['rollback', 'operator']])
    expect(failed[0]?.to_do).to.contain('retry-tasks')
  })

  it('tells that its own stream is parked, first of all', () => {
    const chronicle = journeyWith(healthy)
    const parked = {
      consumer: 'projector',
      first_revision: 3,
      last_seen: 3,
      code: 'internal/bug',
      message: 'odd',
      waits_for_stream: null,
      parked_at: '2026-01-27T10:00:09.000Z',
      attempts: 1,
      discarded_at: null,
    }
    const { found } = explained(chronicle, {
      parked: [
        { ...parked, stream: 'journey-client-123' },
        { ...parked, stream: 'journey-other' },
      ],
    })
    expect(kinds(found)).to.deep.equal(['parked', 'approval'])
  })

  it('is nothing once it is over', () => {
    const chronicle = journeyWith(healthy)
    chronicle.act({ type: 'journey.cancel', data: { client_id: 'client-123', reason: 'no budget' } })
    const { journey, found } = explained(chronicle)
    expect([found, outlook(journey)]).to.deep.equal([[], 'Nothing: the journey is cancelled'])
  })

  it('is the orchestrator itself where nothing else is known', () => {
    const { events } = createChronicle(() => undefined)
    expect(events).to.deep.equal([])
    const chronicle = journeyWith(() => undefined)
    const journey = foldAll(chronicle.events.slice(0, 1)).journey_states[0]!
    expect(kinds(explain(journey, { ...nothing, works: [] }))).to.deep.equal(['processing'])
  })
})
