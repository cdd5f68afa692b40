import { Counter, Gauge, Histogram, Summary, type Registry } from 'prom-client'
import { stages, type StageId } from '@journey/domain'
import type { AppliedSlice, CurrentStage, Step } from '@journey/read-model'
import type { Log } from '@journey/runtime'

export type ProjectorMeters = ReturnType<typeof createProjectorMeters>

/** What the gauges show, asked for when they are scraped. */
export type Counts = {
  activeByStage: () => Promise<ReadonlyMap<CurrentStage, number>>
  passRates: () => Promise<ReadonlyMap<StageId, number>>
  parked: () => Promise<number>
}

/** Two Prometheus servers that scrape at once cost one look into the tables. */
const countsLastMs = 5_000

const minute = 60
const day = 86_400

/**
 * The metrics of TECH-003 section 6.1. Counters and histograms move as events are applied for the first time; events that come
 * again, and events of a rebuild, do not count.
 */
export const createProjectorMeters = (registry: Registry, counts: Counts, log: Log) => {
  const registers = [registry]
  const stageDuration = new Histogram({
    name: 'journey_stage_duration_seconds',
    help: 'How long journeys stayed in a stage, by the stage they left',
    labelNames: ['stage'],
    buckets: [
      1,
      10,
      minute,
      10 * minute,
      60 * minute,
      6 * 3_600,
      ...[1, 2, 3, 5, 7, 10, 15, 20, 30, 60, 90].map((days) => days * day),
    ],
    registers,
  })
  const transitions = new Counter({
    name: 'journey_transition_total',
    help: 'Transitions between stages that succeeded or failed for good',
    labelNames: ['from_stage', 'to_stage', 'result'],
    registers,
  })
  const rollbacks = new Counter({
    name: 'journey_rollback_total',
    help: 'Rollbacks begun, by category',
    labelNames: ['reason'],
    registers,
  })
  const workDuration = new Histogram({
    name: 'journey_uow_execution_duration_seconds',
    help: 'From the first task of a unit of work to its completion or failure',
    buckets: [0.1, 0.5, 1, 5, 10, 30, minute, 2 * minute, 5 * minute, 10 * minute, 30 * minute, 3_600, 6 * 3_600, day],
    registers,
  })
  const tasks = new Counter({
    name: 'journey_task_execution_total',
    help: 'Attempts of tasks that ended, by how; late results apart',
    labelNames: ['status'],
    registers,
  })
  const taskDuration = new Histogram({
    name: 'journey_task_execution_duration_seconds',
    help: 'From the decision to start an attempt of a task to its result',
    labelNames: ['status'],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, minute, 2 * minute, 5 * minute],
    registers,
  })
  const events = new Counter({
    name: 'journey_projection_events_total',
    help: 'Events by what the projector made of them; healed ones were read from the event store',
    labelNames: ['outcome'],
    registers,
  })
  const unproven = new Counter({
    name: 'journey_projection_unproven_total',
    help: 'Messages without a valid proof of the relay, looked up in the event store',
    registers,
  })
  const critical = new Histogram({
    name: 'journey_critical_time_seconds',
    help: 'From a command being sent to what it led to being visible, event by event',
    buckets: [0.005, 0.01, 0.015, 0.025, 0.05, 0.08, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, minute, 10 * minute],
    registers,
  })
  const recentCritical = new Summary({
    name: 'journey_critical_time_recent_seconds',
    help: 'The same, of the last five minutes',
    percentiles: [0.5, 0.99],
    maxAgeSeconds: 5 * minute,
    ageBuckets: 5,
    pruneAgedBuckets: true,
    registers,
  })
  gauge(registry, log, 'journey_active_count', 'Journeys under way, by stage', 'stage', async () => {
    const active = await counts.activeByStage()
    return [...stages, 'rollback' as const].map((stage) => [stage, active.get(stage) ?? 0])
  })
  gauge(
    registry,
    log,
    'journey_exit_criteria_pass_rate',
    'Passed checks over all evaluated ones',
    'stage',
    async () => [...(await counts.passRates())],
  )
  gauge(
    registry,
    log,
    'journey_projection_parked_streams',
    'Streams put aside because an event could not be applied',
    undefined,
    async () => [['', await counts.parked()]],
  )

  // At 0 from the beginning: Prometheus' `increase` does not see the event that a series appears with.
  for (const reason of [...categories, 'other']) rollbacks.inc({ reason }, 0)
  for (const [n, to_stage] of stages.entries()) {
    const from_stage = stages[n - 1] ?? 'none'
    for (const result of ['success', 'failure']) {
      transitions.inc({ from_stage, to_stage, result }, 0)
      if (n > 0) transitions.inc({ from_stage: to_stage, to_stage: from_stage, result }, 0)
    }
  }

  const count = (step: Step): void => {
    if (step.family === 'journey') countJourney(step)
    else if (step.family === 'work') countWork(step)
  }

  const countJourney = ({ recorded: { event, at }, before, after }: Extract<Step, { family: 'journey' }>): void => {
    if (before && event.type !== 'JourneyStarted' && before.current_stage !== after.current_stage)
      stageDuration.observe({ stage: before.current_stage }, secondsBetween(before.stage_started_at, at))
    switch (event.type) {
      case 'StagePromoted':
      case 'RollbackCompleted':
        transitions.inc({ from_stage: event.data.from_stage, to_stage: event.data.to_stage, result: 'success' })
        break
      case 'RollbackFailed':
        transitions.inc({ from_stage: event.data.from_stage, to_stage: event.data.to_stage, result: 'failure' })
        break
      case 'JourneyCompleted':
        transitions.inc({ from_stage: event.data.stage, to_stage: 'completed', result: 'success' })
        break
      case 'RollbackInitiated':
        rollbacks.inc({ reason: categories.includes(event.data.category) ? event.data.category : 'other' })
        break
    }
  }

  const countWork = ({ recorded: { event, at }, before, after }: Extract<Step, { family: 'work' }>): void => {
    switch (event.type) {
      case 'UnitOfWorkFailed':
        // A stage that cannot be set up: the transition into it has failed, though it can be tried again.
        if (event.data.kind === 'setup')
          transitions.inc({
            from_stage: stages[stages.indexOf(event.data.stage) - 1] ?? 'none',
            to_stage: event.data.stage,
            result: 'failure',
          })
        workDuration.observe(secondsBetween(after.started_at ?? after.created_at, at))
        break
      case 'UnitOfWorkCompleted':
        workDuration.observe(secondsBetween(after.started_at ?? after.created_at, at))
        break
      case 'TaskExecutionCompleted':
      case 'TaskExecutionFailed': {
        const status = event.type === 'TaskExecutionCompleted' ? 'completed' : 'failed'
        const { task_id, attempt } = event.data
        const task = before?.tasks.find((one) => one.task_id === task_id)
        const running = task?.attempts.find((one) => one.attempt === attempt && one.ended_at === null)
        tasks.inc({ status })
        if (running) taskDuration.observe({ status }, secondsBetween(running.started_at, at))
        break
      }
      case 'TaskLateResultRecorded':
        tasks.inc({ status: 'late' })
        break
    }
  }

  return {
    /** @param commandTimes when the commands behind the events were sent, by event id; of events that the bus brought */
    applied: (
      { applied, duplicates, healed, parked, results }: AppliedSlice<Step>,
      commandTimes: ReadonlyMap<string, string> = new Map(),
    ): void => {
      events.inc({ outcome: 'applied' }, applied)
      events.inc({ outcome: 'duplicate' }, duplicates)
      events.inc({ outcome: 'healed' }, healed)
      events.inc({ outcome: 'parked' }, parked)
      const now = new Date().toISOString()
      for (const step of results) {
        count(step)
        const sentAt = commandTimes.get(step.recorded.id)
        if (sentAt === undefined || Number.isNaN(Date.parse(sentAt))) continue
        critical.observe(secondsBetween(sentAt, now))
        recentCritical.observe(secondsBetween(sentAt, now))
      }
    },
    unreadable: (): void => events.inc({ outcome: 'unreadable' }),
    unproven: (messages: number): void => unproven.inc(messages),
  }
}

/** The categories that a label may carry: the process's own, and `manual`; what people write otherwise is `other`. */
const categories = ['manual', 'work_failed', 'incident']

const secondsBetween = (from: string, to: string): number => Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000)

/** A gauge that is asked for at the scrape, at most every few seconds; while it cannot be told it keeps what it had. */
const gauge = (
  registry: Registry,
  log: Log,
  name: string,
  help: string,
  label: string | undefined,
  read: () => Promise<[string, number][]>,
): void => {
  let freshUntil = 0
  new Gauge({
    name,
    help,
    labelNames: label === undefined ? [] : [label],
    registers: [registry],
    async collect() {
      if (Date.now() < freshUntil) return
      try {
        const values = await read()
        this.reset()
        for (const [of, value] of values) this.set(label === undefined ? {} : { [label]: of }, value)
        freshUntil = Date.now() + countsLastMs
      } catch (error) {
        log.debug({ err: error, metric: name }, 'a gauge could not be read')
      }
    },
  })
}
