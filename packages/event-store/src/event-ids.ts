import { v5 as uuidv5 } from 'uuid'

/**
 * The id of the event that a command stores in a stream at the given place (from 0) of its append.
 *
 * The same command always gives the same ids, so an append that is repeated because its outcome was unknown stores
 * nothing twice. The namespace is a promise: another one would make stored commands look new.
 */
export const eventIdFor = (commandId: string, stream: string, index: number): string =>
  uuidv5(`${commandId}:${stream}:${index}`, namespace)

const namespace = 'd0a7a2a5-6a0e-4c0b-9a1f-3f5f1f6d7c21'
