import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { eventSchemas } from '../events/schemas.js'
import type { StoredType } from '../events/names.js'
import { versionOf } from '../events/upcast.js'
import type { Release } from './compatibility.js'
import { recordedEvents } from './recorded-events.js'

/** Every version of every event type that was ever released: `released/<type>.<version>.json`. Files are added, never changed. */
const folder = fileURLToPath(new URL('../../released/', import.meta.url))

export const readReleases = (): Release[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(folder + file, 'utf8')) as Release)

/** The types and versions of today that are not recorded yet, each with its schema and an event of a simulated journey. */
export const unrecorded = (releases: readonly Release[]): Release[] => {
  const events = recordedEvents()
  return Object.entries(eventSchemas).flatMap(([type, schema]) => {
    const version = versionOf(type as StoredType)
    if (releases.some((release) => release.type === type && release.version === version)) return []
    const event = events.find((one) => one.type === type)
    if (!event) throw new Error(`No event of type ${type} comes up in recordedEvents (packages/contracts/src/testing)`)
    return [{ type, version, schema, data: JSON.parse(JSON.stringify(event.data)) as Release['data'] }]
  })
}

/** Writes a release down; one that stands there already is left alone and refused (`EEXIST`). */
export const record = (release: Release): string => {
  const file = `${release.type}.${release.version}.json`
  mkdirSync(folder, { recursive: true })
  writeFileSync(folder + file, JSON.stringify(release, null, 2) + '\n', { flag: 'wx' })
  return file
}
