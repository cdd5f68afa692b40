import { createHash } from 'node:crypto'
import { expect } from 'chai'
import * as Agent from './agent/agent.js'
import * as Journey from './journey/journey.js'
import { goodAgents, simulation } from './testing/simulation.js'
import * as UnitOfWork from './unit-of-work/unit-of-work.js'

/** Objects whose keys are names of things, not fields. */
const dictionaries = ['tasks', 'inputs', 'input', 'output', 'parameters', 'exit_criteria_results', 'compensates']

/** Every path there is in a value, with the type of what stands there. */
const pathsOf = (value: unknown, path = ''): string[] => {
  if (Array.isArray(value)) return [`${path}[]`, ...value.flatMap((one) => pathsOf(one, `${path}[]`))]
  if (typeof value !== 'object' || value === null) return [`${path}: ${value === null ? 'null' : typeof value}`]
  const isDictionary = dictionaries.includes(path.split('.').at(-1)!)
  return Object.entries(value).flatMap(([key, one]) => pathsOf(one, `${path}.${isDictionary ? '*' : key}`))
}

/** A journey on which everything happens that changes the shape of a state. */
const states = (): Record<string, unknown[]> => {
  const it = simulation({
    agents: { ...goodAgents, fails: (task, attempt) => task === 'scale_down' || (task === 'data' && attempt === 1) },
  })
  const client_id = 'client-123'
  it.start()
  it.run()
  it.send({ type: 'journey.hold', data: { client_id, reason: 'audit' } })
  const open = it.openApproval()!
  it.send({ type: 'approval.decide', data: { ...open, decision: 'approve', comment: 'fine' } })
  it.run()
  it.send({ type: 'journey.release', data: { client_id, reason: 'audited' } })
  it.run()
  it.send({ type: 'journey.rollback', data: { client_id, reason: 'bug' } })
  it.run()
  it.send({ type: 'journey.cancel', data: { client_id, reason: 'enough' } })
  it.run()
  const [first] = it.works.keys()
  it.send({ type: 'unit_of_work.cancel', data: { work_id: first!, reason: 'enough' } })
  const registration = {
    agent_id: 'a',
    name: 'A',
    intents: ['x'],
    type: 'agent',
    version: '1.0.0',
    cognitive_pattern: null,
  }
  const along = <State, Event>(events: readonly Event[], fold: (events: readonly Event[]) => State): State[] =>
    events.map((_, n) => fold(events.slice(0, n + 1)))
  return {
    [Journey.stateSchema]: along(it.journey, Journey.fold),
    [UnitOfWork.stateSchema]: [...it.works.values()].flatMap((events) => along(events, UnitOfWork.fold)),
    [Agent.stateSchema]: [Agent.fold([{ type: 'AgentCreated', data: { ...registration, created_by: 'a' } }])],
  }
}

const shapeOf = (all: readonly unknown[]): string =>
  createHash('sha256')
    .update([...new Set(all.flatMap((state) => pathsOf(state)))].sort().join('\n'))
    .digest('hex')
    .slice(0, 16)

describe('the states that snapshots hold', () => {
  it('have a new schema whenever they look different: raise stateSchema, then note the new shape here', () => {
    const shapes = Object.fromEntries(Object.entries(states()).map(([schema, all]) => [schema, shapeOf(all)]))
    expect(shapes).to.deep.equal({
      'journey-v1': 'e39ca646de6c99e9',
      'unit_of_work-v1': '729dd443087ab27d',
      'agent-v1': 'c3a9ace2a627dabd',
    })
  })
})
