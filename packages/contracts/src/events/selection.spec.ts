import { expect } from 'chai'
import { isSelectable, selectionOf } from './selection.js'

describe('a selection of events', () => {
  const started = { type: 'JourneyStarted', data: { client_id: 'a' }, stream: 'journey-a' }
  const created = { type: 'UnitOfWorkCreated', data: { client_id: 'b' }, stream: 'unit_of_work-w' }
  const agent = { type: 'AgentCreated', data: { agent_id: 'x' }, stream: 'agent-x' }
  const foreign = { type: 'Foreign', data: { client_id: 'a' }, stream: 'journey-a' }
  const elsewhere = { ...started, stream: 'copy-a' }
  const shared = {
    type: 'ReceivedEvent',
    data: { event_type: 'knowledge.shared', data: { client_id: 'a' } },
    stream: 'received-knowledge',
  }
  const outside = { type: 'ReceivedEvent', data: { event_type: 'agent.created' }, stream: 'received-agent' }
  const chosen = (selection: Parameters<typeof selectionOf>[0]) =>
    [started, created, agent, foreign, elsewhere, shared, outside, { ...shared, stream: 'journey-a' }].filter(
      selectionOf(selection),
    )

  it('takes every event of ours and every recorded one of others when nothing is said', () =>
    expect(chosen({})).to.deep.equal([started, created, agent, shared, outside]))

  it('takes one type, or a family', () => {
    expect(chosen({ type: 'unit_of_work.created' })).to.deep.equal([created])
    expect(chosen({ type: 'journey.*' })).to.deep.equal([started])
    expect(chosen({ type: 'agent.created' })).to.deep.equal([agent, outside])
    expect(chosen({ type: 'knowledge.*' })).to.deep.equal([shared])
  })

  it('takes the events about one client', () => {
    expect(chosen({ client_id: 'a' })).to.deep.equal([started, shared])
    expect(chosen({ client_id: 'b', type: 'journey.*' })).to.deep.equal([])
  })

  it('may mean types that others have yet to think of, in their families', () => {
    for (const type of ['journey.*', 'journey.started', 'knowledge.withdrawn', 'notification.*', 'agent.retired'])
      expect(isSelectable(type), type).to.equal(true)
  })

  it('knows no other patterns', () => {
    for (const type of [
      '*',
      '#',
      'journey',
      'journey.#',
      '*.started',
      'nobody.*',
      'JourneyStarted',
      '',
      'agent.',
      '.*',
    ])
      expect(isSelectable(type), type).to.equal(false)
  })
})
