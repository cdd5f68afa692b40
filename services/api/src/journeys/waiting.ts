import { stageAfter } from '@journey/domain'
import type {
  AdmissionRow,
  DispatchRow,
  JourneyRow,
  ParkedStream,
  StoppedBy,
  TaskView,
  WorkRow,
} from '@journey/read-model'

/** What a journey can wait for. */
export const waitingKinds = [
  'task',
  'agent',
  'retry',
  'approval',
  'failed_work',
  'capacity',
  'hold',
  'exit_criteria',
  'promotion',
  'completion',
  'rollback',
  'parked',
  'dead_letter',
  'processing',
] as const
export type WaitingKind = (typeof waitingKinds)[number]

/** One thing that a journey waits for. */
export type WaitingFor = {
  kind: WaitingKind
  /** Who must act: an agent or the intent it must offer, `client`, `operator`, a person, a setting, or a part of ours. */
  who: string
  since: string
  /** When something happens by itself, where that is known. */
  next_at: string | null
  work_id: string | null
  task_id: string | null
}

/** The same for a reader: what is the matter, and what can be done about it. */
export type Explanation = WaitingFor & { says: string; to_do: string | null }

/** What is known beside the journey's own row; each list may hold rows of other journeys too. */
export type Facts = {
  works: readonly WorkRow[]
  dispatches: readonly Omit<DispatchRow, 'token' | 'message'>[]
  admissions: readonly Pick<AdmissionRow, 'work_id' | 'client_id' | 'kind' | 'requested_at'>[]
  parked: readonly ParkedStream[]
  /** Open ones of what takes a journey further. */
  deadLetters: readonly StoppedBy[]
  nextEvaluations: ReadonlyMap<string, string>
}

/** Everything that a journey waits for; nothing for one that is over, and never nothing for one under way. */
export const explain = (journey: JourneyRow, facts: Facts): Explanation[] => {
  if (journey.status === 'completed' || journey.status === 'cancelled') return []
  const works = facts.works.filter(({ client_id }) => client_id === journey.client_id)
  const found = [
    ...parked(journey, works, facts),
    ...deadLetters(journey, facts),
    ...capacity(journey, facts),
    ...works.flatMap((work) => (work.status === 'failed' ? failed(journey, work) : inWork(work, facts))),
    ...rollback(journey),
    ...hold(journey),
    ...exit(journey, works, facts),
  ]
  return found.length > 0 ? found : [processing(journey)]
}

type Rest = Partial<Pick<Explanation, 'next_at' | 'work_id' | 'task_id' | 'to_do'>>

const waits = (kind: WaitingKind, who: string, since: string, says: string, rest: Rest = {}): Explanation => ({
  kind,
  who,
  since,
  next_at: null,
  work_id: null,
  task_id: null,
  says,
  to_do: null,
  ...rest,
})

const parked = (journey: JourneyRow, works: readonly WorkRow[], { parked }: Facts): Explanation[] => {
  const own = [`journey-${journey.client_id}`, ...works.map(({ work_id }) => `unit_of_work-${work_id}`)]
  return parked
    .filter(({ stream }) => own.includes(stream))
    .map(({ stream, first_revision, code, message, parked_at, discarded_at }) =>
      waits(
        'parked',
        'operator',
        parked_at,
        `What is shown here may be old: ${stream} is ${discarded_at === null ? 'parked' : 'left out'} since revision ${first_revision} (${code}: ${message})`,
        { to_do: 'Look at the log of the projector, mend the cause, and have the stream tried again' },
      ),
    )
}

const deadLetters = ({ client_id }: JourneyRow, { deadLetters }: Facts): Explanation[] =>
  deadLetters
    .filter((one) => one.client_id === client_id)
    .map(({ id, queue, type, code, message, last_at }) =>
      waits('dead_letter', 'operator', last_at, `${type ?? 'A message'} died in ${queue} (${code}: ${message})`, {
        to_do: `journey-cli dlq show ${id}; mend the cause, then journey-cli dlq retry ${id}`,
      }),
    )

const capacity = ({ client_id }: JourneyRow, { admissions }: Facts): Explanation[] =>
  admissions
    .filter((one) => one.client_id === client_id)
    .map(({ work_id, kind, requested_at }) =>
      waits(
        'capacity',
        'max_concurrent_journeys',
        requested_at,
        `Its next work (${kind}) waits for a place: as many journeys as may work at the same moment do`,
        { work_id, to_do: 'Nothing: it goes on by itself. More at once: raise max_concurrent_journeys' },
      ),
    )

const inWork = (work: WorkRow, facts: Facts): Explanation[] =>
  work.tasks.flatMap((task) => {
    switch (task.status) {
      case 'in_progress':
        return [inProgress(work, task, facts)]
      case 'retrying':
        return [retrying(work, task)]
      case 'waiting_approval':
        return [approval(work, task)]
      default:
        return []
    }
  })

const inProgress = ({ work_id, created_at }: WorkRow, task: TaskView, { dispatches }: Facts): Explanation => {
  const { task_id, intent } = task
  const attempt = task.attempts.at(-1)
  const dispatch = dispatches.find(
    (one) => one.work_id === work_id && one.task_id === task_id && one.attempt === (attempt?.attempt ?? 1),
  )
  const started = attempt?.started_at ?? created_at
  if (dispatch?.state === 'waiting' && dispatch.waits_for !== null)
    return waits(
      'agent',
      dispatch.target_agent ?? intent,
      dispatch.since,
      `Task ${task_id} waits for ${dispatch.waits_for === 'agent' ? 'an agent' : dispatch.waits_for}`,
      {
        work_id,
        task_id,
        to_do: `Start an agent that offers ${intent}; no attempt and no time is used up until then`,
      },
    )
  const agent = dispatch?.agent_id ?? null
  const deadline = dispatch?.deadline ?? null
  return waits(
    'task',
    agent ?? intent,
    dispatch?.published_at ?? started,
    `Task ${task_id} (attempt ${attempt?.attempt ?? 1}) is being done ${agent === null ? `by an agent that offers ${intent}` : `by ${agent}`}${deadline === null ? '' : `, until ${deadline} at most`}`,
    { work_id, task_id, next_at: deadline },
  )
}

const retrying = ({ work_id, created_at }: WorkRow, { task_id, intent, attempts, retry_at, error }: TaskView) =>
  waits(
    'retry',
    intent,
    attempts.at(-1)?.ended_at ?? created_at,
    `Task ${task_id} failed${error === null ? '' : ` (${error.code}: ${error.message})`} and is tried again${retry_at === null ? '' : ` at ${retry_at}`}`,
    { work_id, task_id, next_at: retry_at },
  )

const approval = ({ work_id, created_at }: WorkRow, { task_id, name, approval }: TaskView): Explanation =>
  waits(
    'approval',
    'client',
    approval?.asked_at ?? created_at,
    `${name} (${task_id}) waits for the client's decision`,
    {
      work_id,
      task_id,
      to_do: `journey-cli approve --work-id="${work_id}" --task="${task_id}", or reject`,
    },
  )

/**
 * A failed set-up needs somebody, and so does what a person cancelled. A failed gate is an evaluation with errors, and a
 * failed rollback says so itself.
 */
const failed = (journey: JourneyRow, work: WorkRow): Explanation[] => {
  const { work_id, kind, stage, visit, reason, completed_at, updated_at } = work
  const isPresent = journey.status === 'active' && stage === journey.stage && visit === journey.visit
  const asked = work.tasks.some((task) => task.kind === 'human' && task.status === 'cancelled')
  if (!isPresent || !(kind === 'setup' || (kind === 'gate' && asked))) return []
  return [
    waits(
      'failed_work',
      'operator',
      completed_at ?? updated_at,
      `${work.name} ${isCancelled(work) ? 'was cancelled' : 'failed'}: ${reason ?? 'for no reason that is known'}`,
      { work_id, to_do: `journey-cli retry-tasks --work-id="${work_id}", once the cause is mended` },
    ),
  ]
}

/** A cancelled unit of work stands in its table as failed (DESIGN.md section 8). */
export const isCancelled = ({ results }: WorkRow): boolean => results !== null && results.cancelled === true

const rollback = ({ status, rollback }: JourneyRow): Explanation[] => {
  if (status !== 'rolling_back' || !rollback) return []
  const { to_stage, reason, at, failed } = rollback
  const says = `The journey is being rolled back to ${to_stage}: ${reason}`
  if (!failed) return [waits('rollback', 'journey-orchestrator', at, says)]
  const { work_id } = failed
  const to_do = `journey-cli retry-tasks --work-id="${work_id}", once the cause is mended`
  return [waits('rollback', 'operator', failed.at, `${says}. Undoing failed: ${failed.reason}`, { work_id, to_do })]
}

const hold = ({ held, client_id }: JourneyRow): Explanation[] =>
  held
    ? [
        waits('hold', held.by, held.at, `Promotion is held by ${held.by}: ${held.reason}`, {
          to_do: `journey-cli release --client-id="${client_id}" --reason="…"`,
        }),
      ]
    : []

/** The task of a human who decided against it in this visit: it can be asked for again. */
const rejected = ({ stage, visit }: JourneyRow, works: readonly WorkRow[]) =>
  works
    .filter((work) => work.kind === 'gate' && work.stage === stage && work.visit === visit)
    .flatMap(({ work_id, tasks }) => tasks.map((task) => ({ work_id, ...task })))
    .find(({ approval, status }) => status === 'failed' && approval?.decision === 'reject')

const exit = (journey: JourneyRow, works: readonly WorkRow[], { nextEvaluations }: Facts): Explanation[] => {
  const { client_id, stage, status, gate, held } = journey
  if (status !== 'active' || gate.running || !gate.last) return []
  const { verdict, evaluated_at, exit_criteria_details } = gate.last
  if (verdict === 'pass') {
    if (held) return []
    const next = stageAfter(stage)
    return next
      ? [
          waits(
            'promotion',
            'operator',
            evaluated_at,
            `The exit of ${stage} is passed; promotion to ${next} is up to somebody`,
            {
              to_do: `journey-cli promote --client-id="${client_id}"`,
            },
          ),
        ]
      : [
          waits('completion', 'operator', evaluated_at, 'The success metrics are met; the journey can be completed', {
            to_do: `journey-cli complete --client-id="${client_id}"`,
          }),
        ]
  }
  // What waits for a decision is told by the approval itself.
  const open = exit_criteria_details.filter(({ passed, verdict }) => !passed && verdict !== 'pending')
  if (open.length === 0) return []
  const next_at = nextEvaluations.get(client_id) ?? null
  const no = rejected(journey, works)
  const measureAgain = `measure again at once: journey-cli validate-exit --client-id="${client_id}"`
  const to_do = no
    ? `Have it decided again: journey-cli retry-tasks --work-id="${no.work_id}" --task="${no.task_id}", then approve; or ${measureAgain}`
    : `Mend what was measured; ${measureAgain}`
  return [
    waits(
      'exit_criteria',
      open.map(({ check_id }) => check_id).join(', '),
      evaluated_at,
      `The exit of ${stage} is not passed: ${open.map(({ check_id, verdict, message }) => `${check_id} ${verdict} (${message})`).join('; ')}`,
      {
        next_at,
        to_do,
      },
    ),
  ]
}

const processing = ({ updated_at }: JourneyRow): Explanation =>
  waits('processing', 'journey-orchestrator', updated_at, 'The orchestrator is about to take the next step')

/** An explanation as it stands in a journey's state. */
export const waitingFor = ({ kind, who, since, next_at, work_id, task_id }: Explanation): WaitingFor => ({
  kind,
  who,
  since,
  next_at,
  work_id,
  task_id,
})

/** What comes once the journey waits for nothing any more. */
export const outlook = ({ status, stage, held, rollback, gate }: JourneyRow): string => {
  if (status === 'completed') return 'Nothing: the journey is completed'
  if (status === 'cancelled') return 'Nothing: the journey is cancelled'
  if (status === 'rolling_back')
    return `Then ${rollback?.to_stage ?? 'the stage before'} is set up again, and promotion is held until somebody releases it`
  const next = stageAfter(stage)
  if (gate.last === null && !gate.running) return `Then the exit of ${stage} is evaluated`
  if (!next) return 'Then, with the success metrics met, the journey can be completed'
  return held
    ? `Then, with the exit of ${stage} passed, promotion to ${next} waits for the hold to be released`
    : `Then, with the exit of ${stage} passed, the client is promoted to ${next}`
}
