import { receivedFamilies } from '../topology.js'
import type { Stored } from './event.js'
import { busTypes, isStoredType } from './names.js'
import { isReceived } from './received-stored.js'

/** The streams whose events are ours, by the beginnings of their names: these go over the bus and into the read model. */
export const ourStreams = ['journey-', 'unit_of_work-', 'agent-', 'received-']

/** Which events are meant: a bus type or all of a family (`journey.*`), and the client they are about. Nothing given: all of ours. */
export type EventSelection = { type?: string | undefined; client_id?: string | undefined }

/** Whether a type, or `<family>.*`, means any event that there is or may be: one of ours, or of the families that others publish. */
export const isSelectable = (type: string): boolean => {
  const meant = typeMatcher(type)
  return (
    Object.values(busTypes).some(meant) ||
    receivedFamilies.some((one) => new RegExp(`^${one}\\.(\\*|${word})$`).test(type))
  )
}

const word = '[a-z][a-z0-9_]*'

const typeMatcher = (type: string | undefined): ((busType: string) => boolean) => {
  if (type === undefined) return () => true
  const family = /^([^.]+\.)\*$/.exec(type)?.[1]
  return family === undefined ? (one) => one === type : (one) => one.startsWith(family)
}

/** Tells of stored events whether they are meant; those that are neither ours nor recorded of others never are. */
export const selectionOf = ({
  type,
  client_id,
}: EventSelection): ((stored: Pick<Stored, 'type' | 'data' | 'stream'>) => boolean) => {
  const isType = typeMatcher(type)
  return (stored) => {
    if (!ourStreams.some((prefix) => stored.stream.startsWith(prefix))) return false
    const said = saidIn(stored)
    return said !== undefined && isType(said.type) && (client_id === undefined || said.client_id === client_id)
  }
}

/** The bus type of an event, and the client that it is about. */
const saidIn = (stored: Pick<Stored, 'type' | 'data' | 'stream'>): { type: string; client_id: unknown } | undefined => {
  if (isStoredType(stored.type))
    return { type: busTypes[stored.type], client_id: (stored.data as About | null)?.client_id }
  if (!isReceived(stored)) return undefined
  const { event_type, data } = stored.data as { event_type?: unknown; data?: About | null }
  return { type: String(event_type), client_id: data?.client_id }
}

type About = { client_id?: unknown }
