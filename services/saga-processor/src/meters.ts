import { Counter, Gauge, type Registry } from 'prom-client'
import type { Log } from '@journey/runtime'

export type SagaMeters = ReturnType<typeof createSagaMeters>

export const createSagaMeters = (
  registry: Registry,
  counts: () => Promise<{
    working: number
    waiting: number
    dispatches: { waitsFor: string; count: number }[]
    overdue: ReadonlyMap<string, number>
  }>,
  log: Log,
) => {
  const working = new Gauge({
    name: 'journey_working_count',
    help: 'Journeys that execute work now',
    registers: [registry],
  })
  const waiting = new Gauge({
    name: 'journey_waiting_for_room_count',
    help: 'Journeys that wait because of max_concurrent_journeys',
    registers: [registry],
  })
  const overdue = new Gauge({
    name: 'journey_overdue_count',
    help: 'Active journeys that have stayed in their stage longer than its target',
    labelNames: ['stage'],
    registers: [registry],
  })
  new Gauge({
    name: 'journey_tasks_waiting_count',
    help: 'Tasks that wait to be dispatched, by what they wait for',
    labelNames: ['waits_for'],
    registers: [registry],
    async collect() {
      try {
        const now = await counts()
        this.reset()
        working.set(now.working)
        waiting.set(now.waiting)
        for (const [stage, count] of now.overdue) overdue.set({ stage }, count)
        for (const { waitsFor, count } of now.dispatches)
          this.inc({ waits_for: waitsFor.startsWith('agent') ? 'agent' : 'nothing' }, count)
      } catch (error) {
        log.debug({ err: error }, 'the waiting could not be counted')
      }
    },
  })
  return {
    dispatched: new Counter({
      name: 'journey_tasks_dispatched_total',
      help: 'Tasks published to agents, by intent, repeats included',
      labelNames: ['intent'],
      registers: [registry],
    }),
    fired: new Counter({
      name: 'journey_timers_fired_total',
      help: 'Timers that sent their command, by kind',
      labelNames: ['kind'],
      registers: [registry],
    }),
    admitted: new Counter({
      name: 'journey_work_admitted_total',
      help: 'Units of work that were let begin',
      registers: [registry],
    }),
  }
}
