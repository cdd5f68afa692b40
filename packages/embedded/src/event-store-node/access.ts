import { createHash, timingSafeEqual } from 'node:crypto'
import { malformed } from '@journey/runtime'

/** Who may use the node: names with their passwords. */
export type Users = ReadonlyMap<string, string>

/** What a call's credentials come to. */
export type Access = 'allowed' | 'anonymous' | 'unknown'

/**
 * Reads users from text: `name:password`, one per line or separated by commas. A password may hold colons, but no comma and no
 * line break. Empty lines do not count.
 *
 * @throws malformed `event_store_node/users_unreadable`, without showing what was read
 */
export const readUsers = (text: string): Users => {
  const users = new Map<string, string>()
  for (const [index, entry] of text
    .split(/[\r\n,]+/)
    .filter((one) => one.trim() !== '')
    .entries()) {
    const colon = entry.indexOf(':')
    const [name, password] = [entry.slice(0, colon).trim(), entry.slice(colon + 1)]
    if (colon < 1 || name === '' || password === '' || users.has(name))
      throw malformed(
        'event_store_node/users_unreadable',
        `User ${index + 1} of EVENT_STORE_USERS must be name:password, with a name of its own and a password that is not empty.`,
      )
    users.set(name, password)
  }
  return users
}

/** Judges the header `authorization` of a call (`Basic`, RFC 7617). Without users everything is allowed. */
export const accessOf = (authorization: string | undefined, users: Users): Access => {
  if (users.size === 0) return 'allowed'
  if (authorization === undefined) return 'anonymous'
  const [, encoded] = /^Basic\s+(\S+)$/i.exec(authorization) ?? []
  const credentials = Buffer.from(encoded ?? '', 'base64').toString('utf8')
  const colon = credentials.indexOf(':')
  const password = colon < 0 ? undefined : users.get(credentials.slice(0, colon))
  return password !== undefined && isSame(password, credentials.slice(colon + 1)) ? 'allowed' : 'unknown'
}

/** Takes as long for a guess that is nearly right as for one that is not. */
const isSame = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other))
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
