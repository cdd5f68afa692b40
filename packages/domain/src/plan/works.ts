import { gateIntent, isMeasured, isRequired, journeyInputs, type Catalog } from './catalog.js'
import type { PlannedTask } from './template.js'
import { workIdOf, type WorkKey } from '../ids.js'
import type { Profile } from '../journey/journey.js'
import type { StageId } from '../journey/stages.js'
import type { Creation, TaskState } from '../unit-of-work/unit-of-work.js'
import type { JsonObject } from '../values.js'

type Visit = { client_id: string; episode: number; stage: StageId; visit: number }

/** The unit of work that sets a stage up; undefined when the catalog has no template for it. */
export const setupWork = (catalog: Catalog, visit: Visit, profile: Profile): Creation | undefined => {
  const plan = catalog.setup[visit.stage]
  return plan && { ...identity({ ...visit, kind: 'setup', n: 1 }), plan, ...broughtBy(visit, profile) }
}

/**
 * The unit of work that measures a gate for the n-th time: a task per check for the validators, side by side. A human's
 * decision is asked for once a visit, by the first gate; later ones look at that.
 */
export const gateWork = (catalog: Catalog, visit: Visit, n: number, profile: Profile): Creation => {
  const criteria = catalog.gates[visit.stage]
  const first = workIdOf({ ...visit, kind: 'gate', n: 1 })
  const human = criteria.filter((criterion) => !isMeasured(criterion) && isRequired(criterion))
  const measuring = criteria.filter(isMeasured).map(({ check_id, name, parameters }): PlannedTask => ({
    ...checkTask(check_id, name, catalog),
    kind: 'agent',
    intent: gateIntent(check_id),
    input: { client_id: visit.client_id, ...parameters },
  }))
  const asking =
    n === 1
      ? human.map(({ check_id, name, parameters }): PlannedTask => ({
          ...checkTask(check_id, name, catalog),
          kind: 'human',
          intent: check_id,
          input: parameters,
        }))
      : []
  return {
    ...identity({ ...visit, kind: 'gate', n }),
    plan: {
      template_id: `${visit.stage}_gate`,
      name: `${stageName(catalog, visit.stage)} exit criteria`,
      tasks: [...measuring, ...asking],
    },
    ...broughtBy(visit, profile),
    criteria,
    approvals: Object.fromEntries(human.map(({ check_id }) => [check_id, { work_id: first }])),
  }
}

/**
 * What a check is given: its own parameters, and what the journey brings. That stands once in the unit of work, since in each check's
 * events, all in one append, it could outgrow what an append takes.
 */
export const checkInput = ({ inputs }: Creation, own: JsonObject): JsonObject => ({
  ...Object.fromEntries(Object.entries(inputs).filter(([name]) => journeyInputs.includes(name))),
  ...own,
})

/** A task of a unit of work that is to be undone: what was completed, with what went in and came out. */
export type DoneTask = { template_id: string; task_id: string; input: JsonObject; output: JsonObject }

/** The unit of work that undoes what was done, the last first, one after the other. `done` is in the order of completion. */
export const rollbackWork = (catalog: Catalog, visit: Visit, profile: Profile, done: readonly DoneTask[]): Creation => {
  const template = catalog.rollbacks[visit.stage]
  const tasks: PlannedTask[] = []
  for (const { template_id, task_id, input, output } of [...done].reverse())
    for (const { compensates, task } of template?.compensations ?? [])
      if (compensates.template_id === template_id && compensates.task_id === task_id)
        tasks.push({
          ...task,
          depends_on: tasks.slice(-1).map((last) => last.task_id),
          input: only(task, { ...input, ...output }),
        })
  return {
    ...identity({ ...visit, kind: 'rollback', n: 1 }),
    plan: {
      template_id: template?.template_id ?? `rollback_from_${visit.stage}`,
      name: template?.name ?? `Rollback from ${visit.stage}`,
      tasks,
    },
    ...broughtBy(visit, profile),
  }
}

/** Which tasks of a setup were completed, in the order of its plan's dependencies. */
export const doneTasks = (creation: Creation, tasks: Record<string, TaskState>): DoneTask[] => {
  const completed = inOrder(creation.plan.tasks).flatMap(({ task_id }) => {
    const task = tasks[task_id]
    return task?.status === 'completed' ? [{ task_id, output: task.output }] : []
  })
  const input = Object.assign({}, creation.inputs, ...completed.map(({ output }) => output)) as JsonObject
  return completed.map(({ task_id, output }) => ({ template_id: creation.plan.template_id, task_id, input, output }))
}

const inOrder = (tasks: readonly PlannedTask[]): PlannedTask[] => {
  const sorted: PlannedTask[] = []
  const open = [...tasks]
  while (open.length > 0) {
    const index = open.findIndex(({ depends_on }) =>
      depends_on.every((id) => sorted.some(({ task_id }) => task_id === id)),
    )
    sorted.push(...open.splice(Math.max(index, 0), 1))
  }
  return sorted
}

const only = ({ input_schema }: Pick<PlannedTask, 'input_schema'>, values: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(values).filter(([name]) => Object.hasOwn(input_schema, name)))

const identity = ({ client_id, episode, stage, visit, kind, n }: WorkKey): WorkKey & { work_id: string } => {
  const key = { client_id, episode, stage, visit, kind, n }
  return { work_id: workIdOf(key), ...key }
}

const broughtBy = (
  { client_id }: Visit,
  { parameters, ...profile }: Profile,
): { inputs: JsonObject; parameters: JsonObject } => ({
  inputs: { ...parameters, client_id, ...profile },
  parameters,
})

const checkTask = (
  task_id: string,
  name: string,
  { gate }: Catalog,
): Omit<PlannedTask, 'kind' | 'intent' | 'input'> => ({
  task_id,
  name,
  depends_on: [],
  input_schema: {},
  output_schema: { measurements: { type: 'array' } },
  retry: { max_retries: 1, backoff: 'none', initial_ms: 0, max_ms: 0 },
  timeout_ms: gate.timeout_ms,
})

const stageName = ({ stages }: Catalog, stage: StageId): string =>
  stages.find(({ stage_id }) => stage_id === stage)?.name ?? stage
