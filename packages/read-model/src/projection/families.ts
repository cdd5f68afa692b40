import { busTypes, type AnyRecorded, type Received, type Recorded } from '@journey/contracts'
import type { Agent, Journey, UnitOfWork } from '@journey/domain'

/** A recorded event together with the aggregate it belongs to, or what others said. */
export type OfFamily =
  | { family: 'journey'; recorded: Recorded<Journey.Event> }
  | { family: 'work'; recorded: Recorded<UnitOfWork.Event> }
  | { family: 'agent'; recorded: Recorded<Agent.Event> }
  | { family: 'received'; recorded: Recorded<Received> }

/** Tells by the first word of its bus type which aggregate an event belongs to. */
export const ofFamily = (recorded: AnyRecorded): OfFamily => {
  if (recorded.event.type === 'ReceivedEvent') return { family: 'received', recorded } as OfFamily
  const word = busTypes[recorded.event.type].split('.')[0]
  const family = word === 'journey' ? 'journey' : word === 'agent' ? 'agent' : 'work'
  return { family, recorded } as OfFamily
}
