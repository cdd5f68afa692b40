import 'reflect-metadata'
import { plainToInstance } from 'class-transformer'
import { validateSync } from 'class-validator'
import { malformed, type Detail } from './errors.js'

/** The environment a process was started with: `process.env`, or a plain object in specs. */
export type Environment = Readonly<Record<string, string | undefined>>

const reference = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g

/**
 * Reads one settings class from the environment: only the names that the class declares with `@FromEnv`, with `${OTHER}`
 * references resolved, converted and validated by the class's own decorators.
 *
 * @throws malformed `settings/invalid` with every problem at once, each naming its variable; values are never shown
 */
export const readSettings = <T extends object>(type: new () => T, env: Environment): Readonly<T> => {
  const settings = new type()
  const problems: Detail[] = []
  const plain: Record<string, unknown> = Object.fromEntries(Object.entries(settings))
  for (const [property, variable] of variablesOf(type)) {
    const raw = env[variable]
    if (raw === undefined || raw === '') continue
    const value = raw.replace(reference, (whole, name: string) => env[name] ?? whole)
    const missing = [...value.matchAll(reference)].map(([, name]) => name ?? '')
    for (const name of missing)
      problems.push({ field: variable, code: 'unresolved', message: `refers to ${name}, which is not set` })
    plain[property] = convert(value, declaredType(settings, property))
  }
  const instance = plainToInstance(type, plain)
  const names = new Map(variablesOf(type))
  for (const { property, constraints } of validateSync(instance, { forbidUnknownValues: false }))
    problems.push({
      field: names.get(property) ?? property,
      code: 'invalid',
      message: inWords(property, constraints ?? {}),
    })
  if (problems.length > 0) {
    const lines = problems.map(({ field, message }) => `  ${field}: ${message}`)
    throw malformed(
      'settings/invalid',
      `The settings have ${problems.length} problem(s):\n${lines.join('\n')}`,
      problems,
    )
  }
  return Object.freeze(instance)
}

/** What is wrong, once: a value of the wrong type breaks its other rules too. The variable is named already. */
const inWords = (property: string, constraints: Record<string, string>): string => {
  const rules = Object.keys(constraints)
  const rule = rules.find((name) => ['isInt', 'isNumber', 'isBoolean'].includes(name)) ?? rules[0] ?? ''
  return (constraints[rule] ?? 'is not valid')
    .replace(`${property} `, '')
    .replace(' conforming to the specified constraints', '')
}

const variables = new WeakMap<object, Map<string, string>>()

/** Names the environment variable that a settings property is read from. Numbers and booleans follow the declared type, or the default's. */
export const FromEnv =
  (variable: string): PropertyDecorator =>
  (target, property) => {
    const own = variables.get(target) ?? new Map<string, string>()
    variables.set(target, own.set(String(property), variable))
  }

/** Every `[property, variable]` of a settings class, those of its parents included. */
export const variablesOf = (type: new () => object): [property: string, variable: string][] => {
  const found = new Map<string, string>()
  for (let proto = type.prototype as object | null; proto; proto = Object.getPrototypeOf(proto) as object | null)
    for (const [property, variable] of variables.get(proto) ?? [])
      if (!found.has(property)) found.set(property, variable)
  return [...found]
}

/** What a property was declared as; where its type was left to its default, that speaks for it. */
const declaredType = (settings: object, property: string): unknown => {
  const declared: unknown = Reflect.getMetadata('design:type', settings, property)
  if (declared !== undefined && declared !== Object) return declared
  const example = (settings as Record<string, unknown>)[property]
  return typeof example === 'number' ? Number : typeof example === 'boolean' ? Boolean : String
}

/** Converts to the property's declared type; what does not fit stays a text, for the property's own rules to refuse. */
const convert = (value: string, type: unknown): unknown => {
  if (type === Number) return value.trim() === '' ? value : Number(value)
  if (type === Boolean && /^(true|1)$/i.test(value)) return true
  if (type === Boolean && /^(false|0)$/i.test(value)) return false
  return value
}
