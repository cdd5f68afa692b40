import { expect } from 'chai'
import { busTypesOf, selectionOf } from './selection.js'

describe('a selection of events', () => {
  const started = { type: 'JourneyStarted', data: { client_id: 'a' }, stream: 'journey-a' }
  const created = { type: 'UnitOfWorkCreated', data: { client_id: 'b' }, stream: 'unit_of_work-w' }
  const agent = { type: 'AgentCreated', data: { agent_id: 'x' }, stream: 'agent-x' }
  const foreign = { type: 'Foreign', data: { client_id: 'a' }, stream: 'journey-a' }
  const elsewhere = { ...started, stream: 'copy-a' }
  const chosen = (selection: Parameters<typeof selectionOf>[0]) =>
    [started, created, agent, foreign, elsewhere].filter(selectionOf(selection))

  it('takes every event of ours when nothing is said', () =>
    expect(chosen({})).to.deep.equal([started, created, agent]))

  it('takes one type, or a family', () => {
    expect(chosen({ type: 'unit_of_work.created' })).to.deep.equal([created])
    expect(chosen({ type: 'journey.*' })).to.deep.equal([started])
  })

  it('takes the events about one client', () => {
    expect(chosen({ client_id: 'a' })).to.deep.equal([started])
    expect(chosen({ client_id: 'b', type: 'journey.*' })).to.deep.equal([])
  })

  it('knows no other patterns', () => {
    for (const type of ['*', '#', 'journey', 'journey.#', '*.started', 'nobody.*', 'JourneyStarted', ''])
      expect(busTypesOf(type), type).to.deep.equal([])
  })
})
