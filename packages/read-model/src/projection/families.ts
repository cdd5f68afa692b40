import { busTypes, type Recorded } from '@journey/contracts'
import type { Agent, Journey, UnitOfWork } from '@journey/domain'

/** A recorded event together with the aggregate it belongs to. */
export type OfFamily =
  | { family: 'journey'; recorded: Recorded<Journey.Event> }
  | { family: 'work'; recorded: Recorded<UnitOfWork.Event> }
  | { family: 'agent'; recorded: Recorded<Agent.Event> }

/** Tells by the first word of its bus type which aggregate an event belongs to. */
export const ofFamily = (recorded: Recorded): OfFamily => {
  const word = busTypes[recorded.event.type].split('.')[0]
  const family = word === 'journey' ? 'journey' : word === 'agent' ? 'agent' : 'work'
  return { family, recorded } as OfFamily
}
