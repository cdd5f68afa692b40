import { expect } from 'chai'
import * as fc from 'fast-check'
import {
  given,
  historyOf,
  inPilot,
  inProduction,
  measured,
  setupDone,
  start,
  started,
  system,
  visit,
  context,
} from '../testing/journeys.js'
import * as Journey from './journey.js'
import { stages } from './stages.js'
import { transitions } from './transitions.js'

const client_id = 'client-123'
const hold: Journey.Command = { type: 'journey.hold', data: { client_id, reason: 'audit' } }
const release: Journey.Command = { type: 'journey.release', data: { client_id, reason: 'audited' } }
const promote = (to_stage?: 'sandbox' | 'pilot' | 'production'): Journey.Command => ({
  type: 'journey.promote',
  data: { client_id, ...(to_stage && { to_stage }) },
})
const rollback = (to_stage?: 'sandbox' | 'pilot' | 'production'): Journey.Command => ({
  type: 'journey.rollback',
  data: { client_id, reason: 'critical bug', ...(to_stage && { to_stage }) },
})
const cancel: Journey.Command = { type: 'journey.cancel', data: { client_id, reason: 'contract ended' } }
const complete: Journey.Command = { type: 'journey.complete', data: { client_id } }
const validateExit: Journey.Command = { type: 'journey.validate_exit', data: { client_id } }
const manual = { policy: { enabled: true, auto_promotion: false, auto_completion: false } }
const finishRollback = (outcome: 'completed' | 'failed', stage: 'pilot' | 'production' = 'pilot'): Journey.Command => ({
  type: 'journey.finish_rollback',
  data: {
    ...visit(stage),
    work_id: 'rollback-1',
    outcome,
    reason: outcome === 'failed' ? 'teardown_dataset: gone' : 'undone',
  },
})

describe('a client without a journey', () => {
  it('can start one, in the sandbox', () => given([]).when(start).then([started()]))
  it('is refused everything else', () => {
    for (const command of [hold, release, promote(), rollback(), cancel, complete, validateExit])
      given([]).when(command).thenRefused('journey/unknown')
  })
  it('is refused a start while the orchestrator is switched off', () =>
    given([], { policy: { enabled: false, auto_promotion: true, auto_completion: false } })
      .when(start)
      .thenRefused('journey/orchestrator_disabled'))
})

describe('a journey under way', () => {
  it('is not started a second time', () => given([started()]).when(start).thenRefused('journey/already_active'))
  it('is not evaluated before its stage is set up', () =>
    given([started()]).when(validateExit).thenRefused('journey/setup_not_done'))
  it('is evaluated when its stage is set up', () =>
    given([started()])
      .when(setupDone('sandbox'))
      .then([{ type: 'ExitEvaluationRequested', data: { ...visit('sandbox'), n: 1, trigger: 'setup_completed' } }]))
  it('is not evaluated twice at once', () =>
    given(historyOf([start, setupDone('sandbox')]))
      .when(validateExit)
      .then([]))
  it('is promoted by the gate that it passes', () => {
    const [evaluated, promoted] = given(historyOf([start, setupDone('sandbox')]), { actor: system })
      .when(measured('sandbox', 0))
      .events()
    expect(evaluated?.type).to.equal('ExitCriteriaEvaluated')
    expect(promoted).to.deep.include({ type: 'StagePromoted' })
    expect(promoted?.data).to.deep.include({
      from_stage: 'sandbox',
      to_stage: 'pilot',
      visit: 1,
      initiated_by: 'system',
      reason: 'exit criteria passed',
      exit_criteria_results: { security_scan: true },
    })
  })
  it('stays where it is when a check fails, and is refused promotion with the failing check named', () => {
    const history = historyOf([start, setupDone('sandbox'), measured('sandbox', 1)])
    expect(history.at(-1)).to.deep.include({ type: 'ExitCriteriaEvaluated' })
    given(history).when(promote()).thenRefused('journey/exit_criteria_not_passed')
    expect(() => Journey.decide(promote(), Journey.fold(history), context())).to.throw(/security_scan/)
  })
  it('waits for a promotion where auto-promotion is off', () => {
    const history = historyOf([start, setupDone('sandbox'), measured('sandbox', 0)], manual)
    expect(history.map(({ type }) => type)).to.deep.equal([
      'JourneyStarted',
      'ExitEvaluationRequested',
      'ExitCriteriaEvaluated',
    ])
    given(history, manual).when(promote('pilot')).thenTypes('StagePromoted')
  })
  it('never skips a stage', () => {
    given([started()]).when(promote('production')).thenRefused('journey/stage_not_next')
    given(inPilot()).when(promote('pilot')).thenRefused('journey/stage_not_next')
    given(inProduction()).when(promote()).thenRefused('journey/no_next_stage')
  })
  it('ignores the measurements of an earlier evaluation or visit', () => {
    const history = historyOf([start, setupDone('sandbox'), measured('sandbox', 1), validateExit])
    given(history)
      .when(measured('sandbox', 0, 1))
      .then([])
    given(inPilot())
      .when(measured('sandbox', 0, 1))
      .then([])
  })
  it('loses an earlier pass to a later fail', () => {
    const history = [...historyOf([start, setupDone('sandbox'), measured('sandbox', 0)], manual)]
    const again = [...history, ...Journey.decide(validateExit, Journey.fold(history), context(manual))]
    const failed = [...again, ...Journey.decide(measured('sandbox', 3, 2), Journey.fold(again), context(manual))]
    given(failed, manual).when(promote()).thenRefused('journey/exit_criteria_not_passed')
  })
})

describe('a held promotion', () => {
  const history = historyOf([start, hold, setupDone('sandbox'), measured('sandbox', 0)])
  it('stops the gate from promoting', () => expect(history.at(-1)?.type).to.equal('ExitCriteriaEvaluated'))
  it('refuses a promotion by hand', () => given(history).when(promote()).thenRefused('journey/held'))
  it('is not held twice', () => given(history).when(hold).then([]))
  it('goes through when it is released after the gate passed', () =>
    given(history).when(release).thenTypes('PromotionReleased', 'StagePromoted'))
  it('ignores a release when nothing is held', () => given([started()]).when(release).then([]))
})

describe('a rollback', () => {
  const history = [...inPilot(), ...Journey.decide(rollback(), Journey.fold(inPilot()), context({ revision: 3 }))]
  it('goes to the stage before, with the revision of the state before it', () => {
    expect(history.at(-1)).to.deep.equal({
      type: 'RollbackInitiated',
      data: {
        client_id,
        episode: 1,
        from_stage: 'pilot',
        to_stage: 'sandbox',
        visit: 1,
        reason: 'critical bug',
        category: 'manual',
        initiated_by: 'dana',
        snapshot_revision: 3,
      },
    })
  })
  it('goes nowhere else', () => {
    given(inProduction()).when(rollback('sandbox')).thenRefused('journey/rollback_not_adjacent')
    given(inPilot()).when(rollback('pilot')).thenRefused('journey/rollback_not_adjacent')
    given([started()]).when(rollback()).thenRefused('journey/rollback_not_possible')
  })
  it('keeps everything else out until it is done', () => {
    for (const command of [hold, release, promote(), rollback(), complete, validateExit])
      given(history).when(command).thenRefused('journey/rolling_back')
  })
  it('ends in a new visit of the stage before, with promotion held', () => {
    const done = given(history).when(finishRollback('completed')).events()
    expect(done.map(({ type }) => type)).to.deep.equal(['RollbackCompleted', 'PromotionHeld'])
    const state = Journey.fold([...history, ...done])
    expect(state).to.deep.include({
      status: 'active',
      stage: 'sandbox',
      setup_done: false,
      gate: { n: 0, running: false },
    })
    expect(state).to.have.deep.property('visits', { sandbox: 2, pilot: 1, production: 0 })
  })
  it('that failed is told once, and can still be completed', () => {
    const failed = [...history, ...given(history).when(finishRollback('failed')).events()]
    expect(failed.at(-1)?.type).to.equal('RollbackFailed')
    given(failed).when(finishRollback('failed')).then([])
    given(failed).when(finishRollback('completed')).thenTypes('RollbackCompleted', 'PromotionHeld')
  })
})

describe('a journey in production', () => {
  it('is completed once its success metrics pass', () => {
    given(inProduction()).when(complete).thenRefused('journey/success_metrics_not_met')
    const history = [...inProduction()]
    for (const command of [setupDone('production'), measured('production', 0)])
      history.push(...Journey.decide(command, Journey.fold(history), context()))
    given(history).when(complete).thenTypes('JourneyCompleted')
  })
  it('completes by itself where that is switched on', () => {
    const auto = { policy: { enabled: true, auto_promotion: true, auto_completion: true } }
    const history = historyOf(
      [
        start,
        setupDone('sandbox'),
        measured('sandbox', 0),
        setupDone('pilot'),
        measured('pilot', 0),
        setupDone('production'),
        measured('production', 0),
      ],
      auto,
    )
    expect(history.at(-1)?.type).to.equal('JourneyCompleted')
  })
  it('is the only one that can be completed', () =>
    given(inPilot()).when(complete).thenRefused('journey/not_in_production'))
})

describe('a journey that is over', () => {
  const cancelled = historyOf([start, cancel])
  it('refuses what comes later', () => {
    for (const command of [hold, release, promote(), rollback(), complete, validateExit])
      given(cancelled).when(command).thenRefused('journey/cancelled')
  })
  it('is not cancelled twice', () => given(cancelled).when(cancel).then([]))
  it('leaves room for a new episode of the same client', () =>
    given(cancelled)
      .when(start)
      .then([started({ episode: 2 })]))
})

/** Any command a journey may get, whatever its state. */
const anyCommand: fc.Arbitrary<Journey.Command> = fc.oneof(
  fc.constantFrom(start, hold, release, cancel, complete, validateExit, rollback(), promote()),
  fc
    .record({ stage: fc.constantFrom(...stages), n: fc.integer({ min: 1, max: 3 }) })
    .map(({ stage, n }) => setupDone(stage, n)),
  fc
    .record({
      stage: fc.constantFrom(...stages),
      critical: fc.integer({ min: 0, max: 1 }),
      n: fc.integer({ min: 1, max: 3 }),
      visitN: fc.integer({ min: 1, max: 2 }),
    })
    .map(({ stage, critical, n, visitN }) => measured(stage, critical, n, visitN)),
  fc.constantFrom(finishRollback('completed'), finishRollback('failed'), finishRollback('completed', 'production')),
)

/** A random history, each command decided on the state before it; refusals leave no trace. */
const walk = (commands: readonly Journey.Command[]): Journey.Event[] => {
  const history: Journey.Event[] = []
  for (const command of commands)
    try {
      history.push(...Journey.decide(command, Journey.fold(history), context({ revision: history.length - 1 })))
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'Refusal') throw error
    }
  return history
}

describe('any history of commands', () => {
  it('moves as the table of transitions says, always in exactly one stage', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 40 }), (commands) => {
        let state = Journey.initial
        for (const event of walk(commands)) {
          const allowed: Partial<Record<Journey.Event['type'], string>> = transitions[state.status]
          const next = Journey.evolve(state, event)
          expect(allowed[event.type], `${event.type} while ${state.status}`).to.equal(next.status)
          expect(next.status === 'none' ? undefined : stages).to.include(
            next.status === 'none' ? undefined : next.stage,
          )
          state = next
        }
      }),
    )
  })

  it('promotes one step at a time, and only what passed its gate', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 40 }), (commands) => {
        const history = walk(commands)
        history.forEach((event, index) => {
          if (event.type !== 'StagePromoted') return
          expect(stages.indexOf(event.data.to_stage)).to.equal(stages.indexOf(event.data.from_stage) + 1)
          const before = Journey.fold(history.slice(0, index))
          expect(before.status === 'active' && before.gate.last?.verdict).to.equal('pass')
        })
      }),
    )
  })

  it('does nothing more when its last command comes again', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { minLength: 1, maxLength: 30 }), (commands) => {
        const once = walk(commands)
        const last = commands.at(-1)!
        if (
          [
            'journey.rollback',
            'journey.promote',
            'journey.start',
            'journey.validate_exit',
            'journey.record_evaluation',
          ].includes(last.type)
        )
          return
        expect(walk([...commands, last])).to.deep.equal(once)
      }),
    )
  })
})
