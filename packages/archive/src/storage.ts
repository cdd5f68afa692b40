import { folderStorage } from './folder.js'
import { s3Storage, type S3Access } from './s3.js'

/**
 * Where an archive lies: whole objects under keys such as `manifests/00000000000000000017.json`. Every method throws unavailable
 * `archive/away` while the place cannot be reached, refuses us, or is full.
 */
export interface Storage {
  /** Stores an object, whole or not at all; durable when it returns. What stood under the key is replaced. */
  put(key: string, body: Buffer): Promise<void>
  /** An object; undefined when there is none. */
  get(key: string): Promise<Buffer | undefined>
  /** The keys that begin with a prefix and sort after `after`, in order of their bytes, at most 1,000. */
  list(prefix: string, after?: string): Promise<string[]>
  /** When an object was put, by the place's own clock; undefined when there is none. */
  putAt(key: string): Promise<Date | undefined>
}

/**
 * The storage at an address: `file:///var/archive`, or `s3://bucket` and `s3://bucket/folder` for S3 and whatever speaks like it.
 * Nothing is reached yet.
 */
export const openStorage = (address: string, access: S3Access = {}): Storage => {
  const url = new URL(address)
  const path = decodeURIComponent(url.pathname)
  return url.protocol === 'file:'
    ? folderStorage(path)
    : s3Storage({ bucket: url.host, folder: path.slice(1), ...access })
}

/** What an archive's address looks like. */
export const archiveAddress = /^(file:\/\/\/.|s3:\/\/[a-z0-9][a-z0-9.-]{2,62}(\/|$))/
