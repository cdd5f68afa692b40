import { busTypes, type DomainEvent, type Recorded } from '@journey/contracts'
import { codeOf } from '@journey/runtime'
import { expect } from 'chai'
import { crmEventTypes, crmNotification } from './notification.js'

const recorded = (event: DomainEvent): Recorded => ({
  id: '550e8400-e29b-41d4-a716-446655440000',
  event,
  version: '1.0',
  at: '2026-01-27T10:30:00.000Z',
  stream: 'journey-client-123',
  revision: 7,
  position: '18446',
  source: 'command-handler',
  correlationId: 'c',
  causationId: 'c',
  actor: { type: 'system', id: 'saga-processor' },
})

const check = (check_id: string, measurement: string, value: number | null) => ({
  check_id,
  name: check_id,
  verdict: 'pass' as const,
  passed: true,
  comparisons: [{ measurement, value, operator: 'min' as const, threshold: 0, passed: true }],
  message: '',
})

const promoted: DomainEvent = {
  type: 'StagePromoted',
  data: {
    client_id: 'client-123',
    episode: 1,
    from_stage: 'pilot',
    to_stage: 'production',
    visit: 1,
    reason: 'exit criteria passed',
    initiated_by: 'system',
    exit_criteria_results: { search_quality: true, user_satisfaction: true },
    exit_criteria_details: [check('search_quality', 'precision', 0.9), check('user_satisfaction', 'score', 4.2)],
  },
}

describe('what the CRM hears of', () => {
  it('is a stage transition, the beginning of a rollback and the end of a journey, under its own names', () => {
    const names = Object.entries(crmEventTypes).map(([stored, crm]) => [busTypes[stored as keyof typeof busTypes], crm])
    expect(Object.fromEntries(names)).to.deep.equal({
      'journey.stage_promoted': 'journey.stage_transition',
      'journey.rollback_initiated': 'journey.rollback_initiated',
      'journey.completed': 'journey.completed',
    })
  })

  it('is nothing else', () => {
    const data = {
      client_id: 'client-123',
      episode: 1,
      stage: 'pilot' as const,
      visit: 1,
      reason: 'x',
      held_by: 'dana',
    }
    expect(crmNotification(recorded({ type: 'PromotionHeld', data }))).to.equal(undefined)
  })
})

describe('the CRM hears of a stage transition', () => {
  it('from which stage to which, when, and how satisfied the users are', () =>
    expect(crmNotification(recorded(promoted))).to.deep.equal({
      event_type: 'journey.stage_transition',
      client_id: 'client-123',
      from_stage: 'pilot',
      to_stage: 'production',
      timestamp: '2026-01-27T10:30:00.000Z',
      metadata: { episode: 1, reason: 'exit criteria passed', exit_criteria_passed: true, user_satisfaction: 4.2 },
    }))

  it('without a satisfaction that was not measured', () => {
    const details = [check('user_satisfaction', 'score', null)]
    const event = { ...promoted, data: { ...promoted.data, exit_criteria_details: details } } as DomainEvent
    expect(crmNotification(recorded(event))?.metadata).to.not.have.property('user_satisfaction')
  })

  it('that not all criteria were passed, if so', () => {
    const results = { search_quality: true, user_satisfaction: false }
    const event = { ...promoted, data: { ...promoted.data, exit_criteria_results: results } } as DomainEvent
    expect(crmNotification(recorded(event))?.metadata.exit_criteria_passed).to.equal(false)
  })

  it('nothing at all when the event lacks its stages', () => {
    const event = {
      type: 'StagePromoted',
      data: { client_id: 'client-123', from_stage: 'pilot' },
    } as unknown as DomainEvent
    try {
      crmNotification(recorded(event))
      expect.fail('accepted')
    } catch (error) {
      expect(codeOf(error)).to.equal('event/invalid')
    }
  })
})

describe('the CRM hears of a rollback', () => {
  it('what it goes back to and why', () =>
    expect(
      crmNotification(
        recorded({
          type: 'RollbackInitiated',
          data: {
            client_id: 'client-123',
            episode: 2,
            from_stage: 'pilot',
            to_stage: 'sandbox',
            visit: 1,
            reason: 'Critical bug detected',
            category: 'manual',
            initiated_by: 'dana',
            snapshot_revision: 9,
          },
        }),
      ),
    ).to.deep.equal({
      event_type: 'journey.rollback_initiated',
      client_id: 'client-123',
      from_stage: 'pilot',
      to_stage: 'sandbox',
      timestamp: '2026-01-27T10:30:00.000Z',
      metadata: { episode: 2, reason: 'Critical bug detected', category: 'manual' },
    }))
})

describe('the CRM hears of the end of a journey', () => {
  it('with the final figures', () =>
    expect(
      crmNotification(
        recorded({
          type: 'JourneyCompleted',
          data: {
            client_id: 'client-123',
            episode: 1,
            stage: 'production',
            visit: 1,
            reason: 'success metrics reached',
            completed_by: 'dana',
            exit_criteria_results: { user_adoption: true, search_satisfaction: true },
            exit_criteria_details: [
              check('user_adoption', 'adoption', 0.7),
              check('search_satisfaction', 'score', 4.6),
            ],
          },
        }),
      ),
    ).to.deep.equal({
      event_type: 'journey.completed',
      client_id: 'client-123',
      from_stage: 'production',
      to_stage: 'completed',
      timestamp: '2026-01-27T10:30:00.000Z',
      metadata: {
        episode: 1,
        reason: 'success metrics reached',
        exit_criteria_passed: true,
        final_figures: { user_adoption: { adoption: 0.7 }, search_satisfaction: { score: 4.6 } },
      },
    }))
})
