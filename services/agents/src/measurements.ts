/** One measured value (CONTRACT.md, Tasks). */
export type Measurement = {
  name: string
  value: number
  unit?: string
  sample_size?: number
  window?: string
  measured_at?: string
  source?: string
}

/** By name: another value, other fields, or null for a measurement that is to be left out. */
export type ByName = Readonly<Record<string, number | null | Partial<Omit<Measurement, 'name'>>>>

/** What shall be reported instead of what was measured: a whole list, or some by name; names that were not measured are added. */
export type Overrides = readonly Measurement[] | ByName

export const overridden = (measured: readonly Measurement[], overrides: Overrides): Measurement[] => {
  if (isList(overrides)) return [...overrides]
  const added = Object.keys(overrides).filter((name) => !measured.some((one) => one.name === name))
  return [...measured, ...added.map((name): Measurement => ({ name, value: 0 }))].flatMap((one) => {
    const override = Object.hasOwn(overrides, one.name) ? overrides[one.name] : undefined
    if (override === null) return []
    return typeof override === 'number' ? { ...one, value: override } : { ...one, ...override }
  })
}

/** Reads overrides; a text says what is wrong with them. */
export const readOverrides = (value: unknown): Overrides | string => {
  if (!Array.isArray(value)) return readByName(value)
  const wrong = value.findIndex((one) => !isMeasurement(one))
  return wrong < 0 ? (value as Measurement[]) : `entry ${wrong} is not a measurement with name and value`
}

export const readByName = (value: unknown): ByName | string => {
  if (!isObject(value)) return 'it is not an object by name'
  const wrong = Object.entries(value).find(([, one]) => !(one === null || isNumber(one) || isPartial(one)))
  return wrong ? `${wrong[0]} is neither a number, null, nor fields of a measurement` : (value as ByName)
}

const isList = (overrides: Overrides): overrides is readonly Measurement[] => Array.isArray(overrides)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isNumber = (value: unknown): value is number => Number.isFinite(value)
const isMeasurement = (value: unknown): value is Measurement =>
  isPartial(value) && typeof value.name === 'string' && 'value' in value
const isPartial = (value: unknown): value is Record<string, unknown> =>
  isObject(value) &&
  Object.entries(value).every(([field, content]) =>
    ['value', 'sample_size'].includes(field) ? isNumber(content) : texts.includes(field) && typeof content === 'string',
  )

const texts = ['name', 'unit', 'window', 'measured_at', 'source']
