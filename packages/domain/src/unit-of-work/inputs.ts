import type { Field, FieldType, PlannedTask } from '../plan/template.js'
import type { Json, JsonObject } from '../values.js'

export type Resolved = { input: JsonObject; problems: string[] }

/**
 * Resolves a task's inputs by name: what was pinned for it, then outputs of upstream tasks (the nearest first), then the
 * parameters of stage and journey. A missing required input or one of another type is a problem, named.
 */
export const resolveInputs = (task: PlannedTask, sources: readonly JsonObject[]): Resolved => {
  const input: JsonObject = { ...task.input }
  const problems: string[] = []
  for (const [name, field] of Object.entries(task.input_schema)) {
    const source = [task.input, ...sources].find((values) => Object.hasOwn(values, name))
    const value = source?.[name]
    if (value === undefined) {
      if (field.required) problems.push(`${name} is required and nothing upstream gives it`)
      continue
    }
    if (!isOfType(value, field.type)) problems.push(`${name} must be of type ${field.type}`)
    else input[name] = value
  }
  return { input, problems }
}

/** What is wrong with an output: declared fields of another type. Fields that are missing or not declared are let be. */
export const outputProblems = (schema: Record<string, Field>, output: JsonObject): string[] =>
  Object.entries(schema).flatMap(([name, { type }]) => {
    const value = Object.hasOwn(output, name) ? output[name] : undefined
    return value === undefined || isOfType(value, type) ? [] : [`${name} must be of type ${type}`]
  })

const isOfType = (value: Json, type: FieldType): boolean => {
  switch (type) {
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    default:
      return typeof value === type
  }
}
