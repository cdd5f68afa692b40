import { TaskFailure, type Task } from '@journey/agent'
import { readOverrides, type Overrides } from './measurements.js'

/** How one intent of one journey shall behave: the task's `parameters.simulate.<intent>` (CONTRACT.md section 1). */
export type Simulation = {
  delay_ms?: number
  /** That many first attempts of each task fail. */
  fail_times: number
  code: string
  retryable: boolean
  measurements?: Overrides
}

/** @throws TaskFailure `simulated/invalid`, not retryable, naming what is wrong */
export const simulationOf = ({ parameters, intent }: Task): Simulation => {
  const all = Object.hasOwn(parameters, 'simulate') ? parameters.simulate : {}
  if (!isObject(all)) throw invalid('simulate', 'an object by intent')
  const own = Object.hasOwn(all, intent) ? all[intent] : {}
  const at = `simulate.${intent}`
  if (!isObject(own)) throw invalid(at, 'an object')
  const { delay_ms, fail_times = 0, code = 'simulated/failure', retryable = true, measurements, ...others } = own
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw invalid(`${at}.${unknown}`, 'left out: it is not known')
  if (!(delay_ms === undefined || isCount(delay_ms))) throw invalid(`${at}.delay_ms`, 'a whole number from 0')
  if (!isCount(fail_times)) throw invalid(`${at}.fail_times`, 'a whole number from 0')
  if (typeof code !== 'string' || code.trim() === '') throw invalid(`${at}.code`, 'a text')
  if (typeof retryable !== 'boolean') throw invalid(`${at}.retryable`, 'true or false')
  const overrides = measurements === undefined ? undefined : readOverrides(measurements)
  if (typeof overrides === 'string') throw invalid(`${at}.measurements`, `usable; it is not: ${overrides}`)
  return {
    ...(delay_ms !== undefined && { delay_ms }),
    fail_times,
    code,
    retryable,
    ...(overrides && { measurements: overrides }),
  }
}

const isObject = (value: unknown): value is Task['parameters'] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const invalid = (field: string, says: string): TaskFailure =>
  new TaskFailure('simulated/invalid', `The journey's parameter ${field} must be ${says}.`, { retryable: false })
