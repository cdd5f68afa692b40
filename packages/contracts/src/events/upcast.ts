import type { JsonObject } from '@journey/domain'
import type { StoredType } from './names.js'

/** Turns an event's data of one version into that of a later one. Pure: no clock, no chance, and what it is given stays as it was. */
export type Upcaster = { from: string; to: string; upcast: (data: JsonObject) => JsonObject }

/** How one type has changed: the version it is written in today, and a step for each version that today's code cannot read as it is. */
export type Lineage = { current: string; steps: readonly Upcaster[] }
export type Lineages = Partial<Record<StoredType, Lineage>>

/** The version in which every type was written first, and that of an event which names none. */
export const firstVersion = '1.0'

/** Every type that has changed since its first version. Nothing stored is rewritten; `npm run schemas` says when a type belongs here. */
const lineages: Lineages = {}

/** The version in which a type is written today. */
export const versionOf = (type: StoredType, known: Lineages = lineages): string => known[type]?.current ?? firstVersion

/** The steps from a version to the one that today's code reads; none for the current version, and for a minor version not known here. */
export const stepsFrom = (type: StoredType, version: string, known: Lineages = lineages): Upcaster[] => {
  const step = known[type]?.steps.find(({ from }) => from === version)
  return step ? [step, ...stepsFrom(type, step.to, known)] : []
}

/** Major versions differ when the one cannot be read by code that knows the other. */
export const isSameMajor = (one: string, other: string): boolean => one.split('.')[0] === other.split('.')[0]
