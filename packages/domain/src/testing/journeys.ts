import { expect } from 'chai'
import * as Journey from '../journey/journey.js'
import { Refusal } from '../refusal.js'

/** The context of a decision in specs: a person, a fixed moment, every switch on. */
export const context = (over: Partial<Journey.Context> = {}): Journey.Context => ({
  actor: { type: 'user', id: 'dana' },
  at: '2026-01-27T10:30:00.000Z',
  revision: 0,
  policy: { enabled: true, auto_promotion: true, auto_completion: false },
  ...over,
})

export const system = { type: 'system', id: 'saga-processor' }

export const profile: Journey.Profile = {
  data_sources: ['salesforce', 'jira'],
  connectors: ['salesforce', 'jira'],
  users: ['ada'],
  pilot_cohort_size: 10,
  contract_signed: false,
  parameters: {},
}

export const started = (over: Partial<{ client_id: string; episode: number }> = {}): Journey.Event => ({
  type: 'JourneyStarted',
  data: {
    client_id: 'client-123',
    episode: 1,
    initial_stage: 'sandbox',
    visit: 1,
    initiated_by: 'dana',
    ...profile,
    ...over,
  },
})

/** `given([…]).when(command).then([…])`: what a command leads to after a history. */
export const given = (history: readonly Journey.Event[], over: Partial<Journey.Context> = {}) => ({
  when: (command: Journey.Command) => {
    const decide = () =>
      Journey.decide(command, Journey.fold(history), context({ revision: history.length - 1, ...over }))
    return {
      events: decide,
      then: (expected: readonly Journey.Event[]) => expect(decide()).to.deep.equal(expected),
      thenTypes: (...types: Journey.Event['type'][]) => expect(decide().map(({ type }) => type)).to.deep.equal(types),
      thenRefused: (code: string) => expect(decide).to.throw(Refusal).with.property('code', code),
    }
  },
})

/** A history made by commands, one after the other. */
export const historyOf = (commands: readonly Journey.Command[], over: Partial<Journey.Context> = {}): Journey.Event[] =>
  commands.reduce<Journey.Event[]>(
    (history, command) => [
      ...history,
      ...Journey.decide(command, Journey.fold(history), context({ revision: history.length - 1, ...over })),
    ],
    [],
  )

export const visit = (stage: 'sandbox' | 'pilot' | 'production', n = 1) => ({
  client_id: 'client-123',
  episode: 1,
  stage,
  visit: n,
})

export const start: Journey.Command = { type: 'journey.start', data: { client_id: 'client-123', ...profile } }
export const setupDone = (stage: 'sandbox' | 'pilot' | 'production', n = 1): Journey.Command => ({
  type: 'journey.request_evaluation',
  data: { ...visit(stage, n), trigger: 'setup_completed' },
})

const securityScan = {
  check_id: 'security_scan',
  name: 'Security Scan Passed',
  validator: 'SecurityScanValidator',
  parameters: { max_critical: 0, max_high: 5 },
}

/** What a gate with one check measured: `critical` vulnerabilities, of which none are allowed. */
export const measured = (
  stage: 'sandbox' | 'pilot' | 'production',
  critical: number,
  n = 1,
  visitN = 1,
): Journey.Command => ({
  type: 'journey.record_evaluation',
  data: {
    ...visit(stage, visitN),
    n,
    work_id: `gate-${n}`,
    checks: [
      {
        ...securityScan,
        outcome: 'measured',
        measurements: [
          { name: 'vulnerabilities_critical', value: critical },
          { name: 'vulnerabilities_high', value: 0 },
        ],
      },
    ],
  },
})

export const inPilot = (): Journey.Event[] => historyOf([start, setupDone('sandbox'), measured('sandbox', 0)])
export const inProduction = (): Journey.Event[] =>
  historyOf([start, setupDone('sandbox'), measured('sandbox', 0), setupDone('pilot'), measured('pilot', 0)])
