import type { Stored } from './event.js'
import { busTypes, isStoredType, type BusType } from './names.js'

/** The streams whose events are ours, by the beginnings of their names: these go over the bus and into the read model. */
export const ourStreams = ['journey-', 'unit_of_work-', 'agent-', 'received-']

/** Which events are meant: a bus type or all of a family (`journey.*`), and the client they are about. Nothing given: all of ours. */
export type EventSelection = { type?: string | undefined; client_id?: string | undefined }

/** The bus types that a type or `<family>.*` stands for; none for what is neither. */
export const busTypesOf = (type: string): BusType[] =>
  Object.values(busTypes).filter(
    (one) => one === type || (type.endsWith('.*') && one.split('.')[0] === type.slice(0, -2)),
  )

/** Tells of stored events whether they are meant; those that are not ours never are. */
export const selectionOf = ({
  type,
  client_id,
}: EventSelection): ((stored: Pick<Stored, 'type' | 'data' | 'stream'>) => boolean) => {
  const types = new Set<string>(type === undefined ? Object.values(busTypes) : busTypesOf(type))
  return ({ type, data, stream }) =>
    isStoredType(type) &&
    ourStreams.some((prefix) => stream.startsWith(prefix)) &&
    types.has(busTypes[type]) &&
    (client_id === undefined || (data as { client_id?: unknown } | null)?.client_id === client_id)
}
