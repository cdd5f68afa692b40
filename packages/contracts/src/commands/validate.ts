import 'reflect-metadata'
import { getMetadataStorage, validateSync, type ValidationError } from 'class-validator'
import { malformed, type Detail } from '@journey/runtime'

/**
 * Holds a plain object against a data class: every field that is wrong, missing or unknown is named at once.
 * Own keys such as `constructor` or `__proto__` count as unknown fields.
 */
export const problemsWith = (type: new () => object, value: unknown): Detail[] => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [{ field: '', code: 'object', message: 'must be an object' }]
  const known = fieldsOf(type)
  const unknown = Object.keys(value).filter((field) => !known.has(field))
  const instance = new type()
  for (const field of known)
    if (Object.hasOwn(value, field))
      Object.defineProperty(instance, field, { value: (value as Record<string, unknown>)[field], enumerable: true })
  return [
    ...validateSync(instance, { forbidUnknownValues: false }).flatMap(detailsOf),
    ...unknown.map((field) => ({ field, code: 'unknown_field', message: `${field} is not a field of this command` })),
  ]
}

/** @throws malformed `command/invalid` naming every field */
export const validate = <T extends object>(type: new () => T, value: unknown): T => {
  const problems = problemsWith(type, value)
  if (problems.length > 0)
    throw malformed(
      'command/invalid',
      `The data is not valid: ${problems.map(({ message }) => message).join('; ')}`,
      problems,
    )
  return value as T
}

/** The names of a data class's fields, those of its parents included. */
export const fieldsOf = (type: new () => object): Set<string> =>
  new Set(
    getMetadataStorage()
      .getTargetValidationMetadatas(type, '', true, false)
      .map(({ propertyName }) => propertyName),
  )

/** One line for a field that is missing, else one for each rule that its value breaks. */
const detailsOf = ({ property, value, constraints }: ValidationError): Detail[] =>
  value === undefined
    ? [{ field: property, code: 'missing', message: `${property} is required` }]
    : Object.entries(mostTelling(constraints ?? {})).map(([code, message]) => ({ field: property, code, message }))

/** A value of the wrong type breaks its other rules too; the type says it all. */
const mostTelling = (constraints: Record<string, string>): Record<string, string> => {
  const type = ['isArray', 'isInt', 'isBoolean', 'object'].find((rule) => Object.hasOwn(constraints, rule))
  return type === undefined ? constraints : { [type]: constraints[type]! }
}
