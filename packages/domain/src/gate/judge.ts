import type { JsonObject } from '../values.js'
import { quantities, ruleOf, type Bound } from './rules.js'

/** What a validator measured (CONTRACT.md, Tasks). */
export type Measurement = {
  name: string
  value: number
  unit?: string
  sample_size?: number
  window?: string
  measured_at?: string
  source?: string
}

export type Verdict = 'pass' | 'fail' | 'pending' | 'inconclusive' | 'error'

/** An exit check or success metric as it was pinned when the gate was opened. */
export type Criterion = { check_id: string; name: string; validator: string; parameters: JsonObject }

/** What came of one check's task: measurements, a human's decision, or the reason why there is neither. */
export type CheckOutcome = Criterion &
  (
    | { outcome: 'measured'; measurements: Measurement[] }
    | { outcome: 'decided'; decision: 'approve' | 'reject'; decided_by: string; comment?: string }
    | { outcome: 'pending' }
    | { outcome: 'failed'; code: string; message: string }
  )

/** One bound held against what was measured. */
export type Comparison = {
  measurement: string
  value: number | null
  operator: 'min' | 'max'
  threshold: number
  passed: boolean
  unit?: string
  sample_size?: number
}

export type CheckResult = {
  check_id: string
  name: string
  verdict: Verdict
  passed: boolean
  comparisons: Comparison[]
  message: string
}

export type Evaluation = {
  verdict: Verdict
  exit_criteria_results: Record<string, boolean>
  exit_criteria_details: CheckResult[]
}

/**
 * Judges all checks of a gate. Only when every one passes does the gate pass; no checks pass nothing. Missing evidence is
 * `pending`, `inconclusive` or `error`, never `fail`: it neither passes nor rolls back.
 */
export const judgeAll = (outcomes: readonly CheckOutcome[]): Evaluation => {
  const details = outcomes.map(judge)
  return {
    verdict:
      worst.find((verdict) => details.some((detail) => detail.verdict === verdict)) ??
      (details.length > 0 ? 'pass' : 'inconclusive'),
    exit_criteria_results: Object.fromEntries(details.map(({ check_id, passed }) => [check_id, passed])),
    exit_criteria_details: details,
  }
}

const worst: Verdict[] = ['fail', 'error', 'inconclusive', 'pending']

/** Judges one check against its pinned thresholds, edges included: 0.80 passes a `min` of 0.80. */
export const judge = (check: CheckOutcome): CheckResult => {
  switch (check.outcome) {
    case 'pending':
      return result(check, 'pending', [], 'waits for a decision')
    case 'failed':
      return result(check, 'error', [], `could not be measured: ${check.message} (${check.code})`)
    case 'decided': {
      const by = `${check.decision === 'approve' ? 'approved' : 'rejected'} by ${check.decided_by}`
      return result(
        check,
        check.decision === 'approve' ? 'pass' : 'fail',
        [],
        check.comment ? `${by}: ${check.comment}` : by,
      )
    }
    case 'measured':
      return compareAll(check, check.measurements)
  }
}

const compareAll = (check: Criterion, measurements: readonly Measurement[]): CheckResult => {
  const rule = ruleOf(check.validator)
  if (!rule || rule === 'human')
    return result(check, 'error', [], `no rule is known for the validator ${check.validator}`)
  const mistakes = measurements.flatMap(mistakeIn)
  if (mistakes.length > 0) return result(check, 'error', [], mistakes.join('; '))
  const bounds = rule.bounds(check.parameters, measurements)
  const comparisons = bounds.map((bound) => compare(bound, measurements))
  const missing = comparisons.filter(({ value }) => value === null).map(({ measurement }) => measurement)
  if (missing.length > 0) return result(check, 'inconclusive', comparisons, `not measured: ${missing.join(', ')}`)
  const failed = comparisons.filter(({ passed }) => !passed)
  const thin = rule.samples ? tooFew(rule.samples, check.parameters, measurements) : undefined
  if (thin) return result(check, 'inconclusive', comparisons, thin)
  if (failed.length > 0) return result(check, 'fail', comparisons, failed.map(inWords).join('; '))
  return result(check, 'pass', comparisons, comparisons.map(inWords).join('; '))
}

/** What shows that a measurement is not what it says: another unit, or a value that cannot be. */
const mistakeIn = ({ name, value, unit }: Measurement): string[] => {
  const quantity = Object.hasOwn(quantities, name) ? quantities[name] : undefined
  if (!quantity) return []
  if (unit !== undefined && quantity.unit !== undefined && unit !== quantity.unit)
    return [`${name} is measured in ${unit}, not ${quantity.unit}`]
  return value < quantity.min || value > quantity.max ? [`${name} cannot be ${value}`] : []
}

const compare = ({ measurement, operator, threshold }: Bound, measurements: readonly Measurement[]): Comparison => {
  const found = measurements.find(({ name }) => name === measurement)
  const value = found && Number.isFinite(found.value) ? found.value : null
  const passed = value !== null && (operator === 'min' ? value >= threshold : value <= threshold)
  return {
    measurement,
    value,
    operator,
    threshold,
    passed,
    ...(found?.unit !== undefined && { unit: found.unit }),
    ...(found?.sample_size !== undefined && { sample_size: found.sample_size }),
  }
}

const tooFew = (
  samples: { measurement: string; parameter: string },
  parameters: JsonObject,
  measurements: readonly Measurement[],
): string | undefined => {
  const needed = Number(parameters[samples.parameter] ?? 0)
  const got = measurements.find(({ name }) => name === samples.measurement)?.sample_size ?? 0
  return got < needed ? `too few samples: ${got} of ${needed}` : undefined
}

const inWords = ({ measurement, value, operator, threshold, passed }: Comparison): string =>
  `${measurement} ${value ?? '?'} ${passed ? 'keeps' : 'breaks'} ${operator} ${threshold}`

const result = (check: Criterion, verdict: Verdict, comparisons: Comparison[], message: string): CheckResult => ({
  check_id: check.check_id,
  name: check.name,
  verdict,
  passed: verdict === 'pass',
  comparisons,
  message,
})
