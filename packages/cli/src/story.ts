import type { Check, HistoryEvent } from './answers.js'
import { clock, duration, plain, verdictIn, type Colours } from './output.js'

/** Tells events as lines for people, one after the other; remembers what later ones refer to. */
export type Story = (event: HistoryEvent) => string[]

type Data = Record<string, unknown>
const text = (data: Data, name: string): string => {
  const value = data[name]
  return typeof value === 'string' || typeof value === 'number' ? plain(String(value)) : ''
}

export const createStory = (colours: Colours): Story => {
  const { bold, cyan, dim, green, red, yellow, magenta } = colours
  const names = new Map<string, string>()
  const works = new Map<string, { name: string; since: string }>()
  const started = new Map<string, string>()

  const task = (data: Data) => names.get(`${text(data, 'work_id')} ${text(data, 'task_id')}`) ?? text(data, 'task_id')
  const work = (data: Data) => works.get(text(data, 'work_id'))?.name ?? `${text(data, 'stage')} ${text(data, 'kind')}`
  const since = (begun: string | undefined, at: string) =>
    begun === undefined ? '' : dim(duration(Date.parse(at) - Date.parse(begun)))
  const attemptKey = (data: Data) => `${text(data, 'work_id')} ${text(data, 'task_id')} ${text(data, 'attempt')}`

  const tell = ({ event_type, timestamp, data, actor }: HistoryEvent): string[] => {
    switch (event_type) {
      case 'journey.started':
        return [
          bold(`● ${text(data, 'client_id')} starts in ${text(data, 'initial_stage')}`) +
            dim(`  ${list(data.data_sources)}`),
        ]
      case 'unit_of_work.created': {
        const plan = data.plan as { name: string; tasks: { task_id: string; name: string }[] }
        const isGate = data.kind === 'gate'
        const name = isGate ? `Exit of ${text(data, 'stage')}` : plain(plan.name)
        works.set(text(data, 'work_id'), { name, since: timestamp })
        for (const one of plan.tasks) names.set(`${text(data, 'work_id')} ${one.task_id}`, plain(one.name))
        return [cyan(`▸ ${name}`) + dim(`  ${plan.tasks.length} ${isGate ? 'checks' : 'tasks'}`)]
      }
      case 'task.execution_started':
        started.set(attemptKey(data), timestamp)
        return data.attempt === 1 ? [] : [`  ${yellow('↻')} ${task(data)}${dim(`  attempt ${text(data, 'attempt')}`)}`]
      case 'task.execution_completed':
        return [
          `  ${green('✓')} ${row(task(data), text(data, 'agent_id'))}${since(started.get(attemptKey(data)), timestamp)}`,
        ]
      case 'task.execution_failed': {
        const why = `${text(data, 'message')} (${text(data, 'code')})`
        return [
          `  ${red('✗')} ${row(task(data), text(data, 'agent_id'))}${why}${data.final === true ? red(', for good') : ''}`,
        ]
      }
      case 'task.retry_scheduled':
        return [`  ${yellow('↻')} ${task(data)}${dim(`  again in ${duration(Number(data.delay_ms))}`)}`]
      case 'task.late_result_recorded':
        return [`  ${dim(`${task(data)}: a result of attempt ${text(data, 'attempt')} came too late`)}`]
      case 'approval.requested':
        return [`  ${yellow('?')} ${text(data, 'name')} ${yellow('asks the client for a decision')}`]
      case 'approval.decided': {
        const isApproved = data.decision === 'approve'
        const comment = text(data, 'comment')
        return [
          `  ${isApproved ? green('✓') : red('✗')} ${task(data)} ${isApproved ? 'approved' : 'rejected'} by ${text(data, 'decided_by')}${comment && dim(`  ${comment}`)}`,
        ]
      }
      case 'unit_of_work.completed':
        return data.kind === 'gate'
          ? []
          : [`${cyan(`▸ ${work(data)}`)} done ${since(works.get(text(data, 'work_id'))?.since, timestamp)}`]
      case 'unit_of_work.failed':
        return [red(`▸ ${work(data)} failed: ${text(data, 'reason')}`)]
      case 'unit_of_work.cancelled':
        return [dim(`▸ ${work(data)} cancelled: ${text(data, 'reason')}`)]
      case 'journey.exit_criteria_evaluated':
        return [
          `${cyan(`▸ Exit of ${text(data, 'stage')}`)}: ${verdictIn(colours, text(data, 'verdict'))}`,
          ...(data.exit_criteria_details as Check[]).map((check) => checkLine(colours, check)),
        ]
      case 'journey.stage_promoted':
        return [
          bold(magenta(`★ promoted from ${text(data, 'from_stage')} to ${text(data, 'to_stage')}`)) +
            dim(`  ${text(data, 'reason')}`),
        ]
      case 'journey.promotion_held':
        return [yellow(`‖ promotion held by ${text(data, 'held_by')}: ${text(data, 'reason')}`)]
      case 'journey.promotion_released':
        return [green(`‖ promotion released by ${text(data, 'released_by')}: ${text(data, 'reason')}`)]
      case 'journey.rollback_initiated':
        return [
          red(`↩ rolling back from ${text(data, 'from_stage')} to ${text(data, 'to_stage')}: ${text(data, 'reason')}`) +
            dim(`  by ${text(data, 'initiated_by')}`),
        ]
      case 'journey.rollback_completed':
        return [yellow(`↩ rolled back to ${text(data, 'to_stage')}`)]
      case 'journey.rollback_failed':
        return [red(`↩ the rollback failed: ${text(data, 'reason')}`)]
      case 'journey.cancelled':
        return [red(`■ cancelled by ${text(data, 'cancelled_by')}: ${text(data, 'reason')}`)]
      case 'journey.completed':
        return [bold(green(`■ completed by ${text(data, 'completed_by')}: ${text(data, 'reason')}`))]
      case 'journey.exit_evaluation_requested':
        return []
      default:
        return [dim(`  ${plain(event_type)} by ${plain(actor.id)}`)]
    }
  }

  return (event) => tell(event).map((line) => `${dim(clock(event.timestamp))}  ${line}`)
}

/** A check with every measured value against its threshold. */
export const checkLine = (colours: Colours, { check_id, verdict, passed, comparisons, message }: Check): string => {
  const mark = passed ? colours.green('✓') : verdict === 'pending' ? colours.yellow('?') : colours.red('✗')
  const shown = comparisons.length > 0 && verdict !== 'inconclusive' ? comparisons.map(measured).join('  ') : message
  return `  ${mark} ${row(check_id, '')}${plain(shown)}`
}

/** A measured value against its threshold: `precision 0.91 ≥ 0.8`. */
export const measured = ({ measurement, value, operator, threshold }: Check['comparisons'][number]): string =>
  `${measurement} ${value ?? '?'} ${operator === 'min' ? '≥' : '≤'} ${threshold}`

const row = (name: string, who: string): string => `${name.padEnd(40)} ${who === '' ? '' : `${who.padEnd(28)} `}`

const list = (value: unknown): string => (Array.isArray(value) ? plain(value.join(', ')) : '')
