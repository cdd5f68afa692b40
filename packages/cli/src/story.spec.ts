import { expect } from 'chai'
import pc from 'picocolors'
import type { HistoryEvent } from './answers.js'
import { createStory } from './story.js'

const event = (event_type: string, data: Record<string, unknown>, seconds = 0): HistoryEvent => ({
  event_id: 'e',
  event_type,
  timestamp: new Date(Date.UTC(2026, 0, 27, 10, 0, seconds)).toISOString(),
  stream: 'journey-client-123',
  revision: 0,
  actor: { type: 'user', id: 'dana' },
  reason: null,
  data,
})

/** The lines without their times, which are those of the reader's time zone. */
const told = (...events: HistoryEvent[]): string[] => {
  const tell = createStory(pc.createColors(false))
  return events.flatMap(tell).map((line) => line.slice('10:00:00  '.length))
}

const plan = { name: 'Sandbox Environment Setup', tasks: [{ task_id: 'provision', name: 'Provision Infrastructure' }] }
const created = event('unit_of_work.created', { work_id: 'w', kind: 'setup', stage: 'sandbox', plan })
const attempt = { work_id: 'w', task_id: 'provision', attempt: 1 }

describe('the story of a journey', () => {
  it('tells a task by its name, with its agent and how long it took', () => {
    const lines = told(
      created,
      event('task.execution_started', attempt, 1),
      event('task.execution_completed', { ...attempt, agent_id: 'provisioning-agent' }, 3),
      event('unit_of_work.completed', { work_id: 'w', kind: 'setup', stage: 'sandbox' }, 4),
    )
    expect(lines).to.have.length(3)
    expect(lines[0]).to.equal('▸ Sandbox Environment Setup  1 tasks')
    expect(lines[1]).to.match(/^ {2}✓ Provision Infrastructure +provisioning-agent +2\.0 s$/)
    expect(lines[2]).to.equal('▸ Sandbox Environment Setup done 4.0 s')
  })

  it('tells why a task failed, and when it is tried again', () => {
    const failed = { ...attempt, agent_id: 'a', code: 'cloud/away', message: 'no cloud', final: false }
    const lines = told(
      created,
      event('task.execution_failed', failed),
      event('task.retry_scheduled', { ...attempt, attempt: 2, delay_ms: 2000 }),
      event('task.execution_started', { ...attempt, attempt: 2 }),
      event('task.execution_failed', { ...failed, final: true }),
    )
    expect(lines[1]).to.match(/✗ Provision Infrastructure +a +no cloud \(cloud\/away\)$/)
    expect(lines[2]).to.equal('  ↻ Provision Infrastructure  again in 2.0 s')
    expect(lines[3]).to.equal('  ↻ Provision Infrastructure  attempt 2')
    expect(lines[4]).to.match(/, for good$/)
  })

  it('tells each check with what was measured and its threshold', () => {
    const comparison = { measurement: 'precision', value: 0.92, operator: 'min', threshold: 0.8, passed: true }
    const exit_criteria_details = [
      { check_id: 'search_quality', verdict: 'pass', passed: true, comparisons: [comparison], message: '' },
      {
        check_id: 'demo_approval',
        verdict: 'pending',
        passed: false,
        comparisons: [],
        message: 'waits for a decision',
      },
    ]
    const lines = told(
      event('journey.exit_criteria_evaluated', { stage: 'sandbox', verdict: 'pending', exit_criteria_details }),
    )
    expect(lines[0]).to.equal('▸ Exit of sandbox: pending')
    expect(lines[1]).to.match(/^ {2}✓ search_quality +precision 0\.92 ≥ 0\.8$/)
    expect(lines[2]).to.match(/^ {2}\? demo_approval +waits for a decision$/)
  })

  it('tells decisions, promotions, rollbacks and the end with who and why', () => {
    const lines = told(
      event('approval.decided', {
        work_id: 'w',
        task_id: 'demo_approval',
        decision: 'reject',
        decided_by: 'erin',
        comment: 'no',
      }),
      event('journey.stage_promoted', { from_stage: 'sandbox', to_stage: 'pilot', reason: 'exit criteria passed' }),
      event('journey.rollback_initiated', {
        from_stage: 'pilot',
        to_stage: 'sandbox',
        reason: 'bug',
        initiated_by: 'dana',
      }),
      event('journey.cancelled', { reason: 'no budget', cancelled_by: 'dana' }),
    )
    expect(lines).to.deep.equal([
      '  ✗ demo_approval rejected by erin  no',
      '★ promoted from sandbox to pilot  exit criteria passed',
      '↩ rolling back from pilot to sandbox: bug  by dana',
      '■ cancelled by dana: no budget',
    ])
  })

  it('tells of an event that it does not know, and lets no control characters through', () => {
    expect(told(event('journey.moved\u001b[2J', {}))).to.deep.equal(['  journey.moved [2J by dana'])
  })
})
