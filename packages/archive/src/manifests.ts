import { codeOf } from '@journey/runtime'
import { eventsOf, manifestOf, manifestPrefix, type ArchivedEvent, type Manifest } from './segment.js'
import type { Storage } from './storage.js'

/** A manifest under its key, or why it cannot be read. */
export type Link =
  { key: string; manifest: Manifest; error?: undefined } | { key: string; manifest?: undefined; error: Error }

/** Every manifest of an archive, in the order of the log. */
export async function* linksIn(storage: Storage): AsyncGenerator<Link> {
  for await (const key of keysIn(storage, manifestPrefix)) {
    const body = await storage.get(key)
    try {
      yield { key, manifest: manifestOf(key, body) }
    } catch (error) {
      if (codeOf(error) !== 'archive/damaged') throw error
      yield { key, error: error as Error }
    }
  }
}

/** All keys that begin with a prefix, in order. */
export async function* keysIn(storage: Storage, prefix: string): AsyncGenerator<string> {
  for (let after: string | undefined; ;) {
    const keys = await storage.list(prefix, after)
    if (keys.length === 0) return
    yield* keys
    after = keys.at(-1)
  }
}

/** Which part of an archive: days from and to, both included, and a category. */
export type Part = { from?: string | undefined; to?: string | undefined; category?: string | undefined }

/** Whether a segment holds events of a part. */
export const isPartOf = ({ day, files }: Manifest, { from = '', to = '9999', category }: Part): boolean =>
  day >= from && day <= to && (category === undefined || files.some((file) => file.category === category))

/** The manifests of an archive that hold events of a part, in the order of the log. @throws malformed `archive/damaged` */
export async function* manifestsIn(storage: Storage, part: Part = {}): AsyncGenerator<Manifest> {
  for await (const { manifest, error } of linksIn(storage)) {
    if (error) throw error
    if (isPartOf(manifest, part)) yield manifest
  }
}

/** The events of a segment, or those of one category, in the order of the log. @throws malformed `archive/damaged` */
export const eventsIn = async (storage: Storage, manifest: Manifest, category?: string): Promise<ArchivedEvent[]> => {
  const files = manifest.files.filter((file) => category === undefined || file.category === category)
  const events = await Promise.all(files.map(async (file) => eventsOf(file, await storage.get(file.key))))
  return events.flat().sort((one, other) => (one.position < other.position ? -1 : 1))
}
