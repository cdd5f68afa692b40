import type { JsonObject } from '@journey/domain'
import type { StoredType } from './names.js'

/** Turns an event's data of one version into that of the next. Pure; one step a version, chained. */
export type Upcaster = { from: string; to: string; upcast: (data: JsonObject) => JsonObject }

/** The version in which each type is written today. */
export const currentVersion = '1.0'

/** Every step there is, by stored type. A changed shape gets a new version and a step here; nothing stored is rewritten. */
const steps: Partial<Record<StoredType, Upcaster[]>> = {}

/** The data as today's code reads it. Minor versions are read as they are; steps are taken until none fits. */
export const upcast = (
  type: StoredType,
  version: string,
  data: JsonObject,
  known: Partial<Record<StoredType, Upcaster[]>> = steps,
): JsonObject => {
  const step = known[type]?.find(({ from }) => from === version)
  return step ? upcast(type, step.to, step.upcast(data), known) : data
}
