import { Ajv } from 'ajv'
import type { JsonObject } from '@journey/domain'
import type { Schema } from '../commands/schema.js'
import { domainEventOf } from '../events/event.js'
import type { StoredType } from '../events/names.js'
import { eventSchemas } from '../events/schemas.js'
import { isSameMajor, versionOf, type Lineages } from '../events/upcast.js'

/** A version of an event type as it went out: its schema, and the data of one event that was written in it. */
export type Release = { type: string; version: string; schema: Schema; data: JsonObject }

/** What the code knows of events today; specs hand in another one to see the check at work. */
export type Today = { schemas: Readonly<Record<string, Schema>>; lineages?: Lineages | undefined }

/**
 * What is wrong with today's event types beside all that were released, one sentence each, with what to do; empty when nothing is.
 *
 * The promise: who reads version 1.x reads every 1.y, older and newer, and today's code reads everything that was ever written.
 */
export const problemsOf = (releases: readonly Release[], today: Today = { schemas: eventSchemas }): string[] => [
  ...Object.entries(today.schemas).flatMap(([type, schema]) => {
    const version = versionOf(type as StoredType, today.lineages)
    const own = releases.filter((release) => release.type === type)
    const released = own.find((release) => release.version === version)
    if (!released)
      return [`${type} ${version} is not recorded: npm run schemas -- record`, ...breaksWith(own, version, schema)]
    const changes = changesOf(released.schema, schema)
    if (changes.length === 0) return breaksWith(own, version, schema)
    const remedy = changes.every(({ breaks }) => breaks === 'nobody')
      ? 'give it a new minor version (upcast.ts)'
      : 'give it a new version and an upcaster from this one (upcast.ts): a minor one when only today’s code needs it, else a major one'
    return changes.map(({ what }) => `${type} ${version} was released, and since then ${what}: ${remedy}`)
  }),
  ...releases.flatMap((release) => unreadable(release, today)),
]

/** Earlier versions of the same major whose readers could not read today's. */
const breaksWith = (own: readonly Release[], version: string, schema: Schema): string[] =>
  own
    .filter((release) => release.version !== version && isSameMajor(release.version, version))
    .flatMap((release) =>
      changesOf(release.schema, schema)
        .filter(({ breaks }) => breaks === 'earlier readers' || breaks === 'everybody')
        .map(
          ({ what }) =>
            `${release.type} ${version} cannot be read by readers of ${release.version}, since ${what}: ` +
            'make it a new major version, with an upcaster from each earlier one (upcast.ts)',
        ),
    )

const ajv = new Ajv({ allowUnionTypes: true, allErrors: true })

/** A released event that today's code does not read into today's shape. */
const unreadable = ({ type, version, data }: Release, { schemas, lineages }: Today): string[] => {
  const which = `The event of ${type} ${version} in the corpus`
  const schema = schemas[type]
  if (!schema) return [`${which} is of a type that is gone: what is stored is never renamed, bring the type back`]
  const before = JSON.stringify(data)
  try {
    const event = domainEventOf({ type, data, metadata: { version } }, lineages)
    if (JSON.stringify(data) !== before) return [`${which} was changed by its upcaster: return new data instead`]
    if (ajv.validate(schema, event?.data)) return []
    return [`${which} is not of today’s shape: ${ajv.errorsText()}. Write an upcaster from ${version} (upcast.ts)`]
  } catch (error) {
    return [`${which} is not read: ${(error as Error).message}. Write an upcaster from ${version} (upcast.ts)`]
  }
}

/** One difference between two schemas, and who cannot read what the other writes because of it. */
export type Change = { what: string; breaks: 'earlier readers' | 'today’s readers' | 'everybody' | 'nobody' }

/**
 * How a schema differs from an earlier one. Readers take a promised field, type or value for granted: a promise may not
 * shrink for earlier readers, and may not grow for what is stored already.
 */
export const changesOf = (earlier: Schema, later: Schema, at = 'data'): Change[] => {
  const changes: Change[] = []
  const say = (breaks: Change['breaks'], what: string) => changes.push({ breaks, what: `${at} ${what}` })
  for (const keyword of ['type', 'enum'] as const) {
    const [before, after] = [listOf(earlier[keyword]), listOf(later[keyword])]
    const gone = without(before, after)
    const come = without(after, before)
    if (before.length === 0 || after.length === 0) {
      if (come.length > 0) say('today’s readers', `was given the ${keyword} ${come.join(', ')}`)
      if (gone.length > 0) say('earlier readers', `lost its ${keyword} ${gone.join(', ')}`)
    } else if (gone.length > 0 && come.length > 0)
      say('everybody', `changed its ${keyword} from ${before.join(', ')} to ${after.join(', ')}`)
    else if (come.length > 0) say('earlier readers', `may be of the ${keyword} ${come.join(', ')} too`)
    else if (gone.length > 0) say('today’s readers', `may no longer be of the ${keyword} ${gone.join(', ')}`)
  }
  const [required, requiredNow] = [listOf(earlier.required), listOf(later.required)]
  const [fields, fieldsNow] = [fieldsOf(earlier), fieldsOf(later)]
  for (const field of new Set([...Object.keys(fields), ...Object.keys(fieldsNow)])) {
    const [before, after] = [fields[field], fieldsNow[field]]
    const [was, is] = [required.includes(field), requiredNow.includes(field)]
    if (was && !is)
      say('earlier readers', after ? `need not have ${field} any more` : `lost the required field ${field}`)
    else if (!was && is) say('today’s readers', `must have ${field} now`)
    else if (!before) say('nobody', `may have ${field} now`)
    // Nobody counts on an optional field; should it come back with another type, its earlier releases are still held against it.
    else if (!after) say('nobody', `lost the optional field ${field}`)
    if (before && after) changes.push(...changesOf(before, after, `${at}.${field}`))
  }
  for (const keyword of ['items', 'additionalProperties'] as const) {
    const [before, after] = [earlier[keyword], later[keyword]]
    if (isSchema(before) && isSchema(after)) changes.push(...changesOf(before, after, `${at}[]`))
    else if (JSON.stringify(before) !== JSON.stringify(after)) say('everybody', `changed its ${keyword}`)
  }
  for (const keyword of new Set([...Object.keys(earlier), ...Object.keys(later)]))
    if (!understood.has(keyword) && JSON.stringify(earlier[keyword]) !== JSON.stringify(later[keyword]))
      say('everybody', `changed its ${keyword}`)
  return changes
}

const understood = new Set(['type', 'enum', 'required', 'properties', 'items', 'additionalProperties', 'description'])

const listOf = (value: unknown): string[] =>
  value === undefined ? [] : (Array.isArray(value) ? value : [value]).map(String)
const without = (some: string[], others: string[]) => some.filter((one) => !others.includes(one))
const fieldsOf = ({ properties = {} }: Schema) => properties as Record<string, Schema>
const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null
