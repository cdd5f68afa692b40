import { expect } from 'chai'
import type { PlannedTask } from '../plan/template.js'
import { Refusal } from '../refusal.js'
import * as UnitOfWork from '../unit-of-work/unit-of-work.js'

export const context = (over: Partial<UnitOfWork.Context> = {}): UnitOfWork.Context => ({
  actor: { type: 'user', id: 'dana' },
  at: '2026-01-27T10:30:00.000Z',
  entropy: 'entropy',
  ...over,
})

export const task = (task_id: string, over: Partial<PlannedTask> = {}): PlannedTask => ({
  task_id,
  name: task_id,
  kind: 'agent',
  intent: `do_${task_id}`,
  depends_on: [],
  input_schema: {},
  output_schema: {},
  input: {},
  retry: { max_retries: 2, backoff: 'exponential', initial_ms: 2_000, max_ms: 60_000 },
  timeout_ms: 120_000,
  ...over,
})

export const creation = (tasks: PlannedTask[], over: Partial<UnitOfWork.Creation> = {}): UnitOfWork.Creation => ({
  work_id: 'work-1',
  client_id: 'client-123',
  episode: 1,
  stage: 'sandbox',
  visit: 1,
  kind: 'setup',
  n: 1,
  plan: { template_id: 'sandbox_setup', name: 'Setup', tasks },
  inputs: { client_id: 'client-123', data_sources: ['jira'] },
  parameters: {},
  ...over,
})

/** A unit of work in a spec: commands go in, events pile up. */
export const work = (tasks: PlannedTask[], over: Partial<UnitOfWork.Creation> = {}) => {
  const events: UnitOfWork.Event[] = []
  const send = (command: UnitOfWork.Command, over: Partial<UnitOfWork.Context> = {}): UnitOfWork.Event[] => {
    const decided = UnitOfWork.decide(command, UnitOfWork.fold(events), context(over))
    events.push(...decided)
    return decided
  }
  const tokenOf = (task_id: string, attempt: number): string => {
    const started = events.find(
      (event) =>
        event.type === 'TaskExecutionStarted' && event.data.task_id === task_id && event.data.attempt === attempt,
    )
    return started?.type === 'TaskExecutionStarted' ? started.data.token : 'no such attempt'
  }
  send({ type: 'unit_of_work.create', data: creation(tasks, over) })
  return {
    events,
    state: () => UnitOfWork.fold(events),
    types: () => events.map(({ type }) => type),
    send,
    complete: (task_id: string, output = {}, attempt = 1) =>
      send({
        type: 'task.complete',
        data: { work_id: 'work-1', task_id, attempt, token: tokenOf(task_id, attempt), output, agent_id: 'a1' },
      }),
    fail: (task_id: string, attempt = 1, retryable = true) =>
      send({
        type: 'task.fail',
        data: {
          work_id: 'work-1',
          task_id,
          attempt,
          token: tokenOf(task_id, attempt),
          code: 'agent/broken',
          message: 'broken',
          retryable,
          agent_id: 'a1',
        },
      }),
    timeOut: (task_id: string, attempt = 1) =>
      send({ type: 'task.time_out', data: { work_id: 'work-1', task_id, attempt } }),
    startRetry: (task_id: string, attempt: number) =>
      send({ type: 'task.start_retry', data: { work_id: 'work-1', task_id, attempt } }),
    refused: (command: UnitOfWork.Command, code: string) =>
      expect(() => send(command))
        .to.throw(Refusal)
        .with.property('code', code),
    tokenOf,
  }
}
