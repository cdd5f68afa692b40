import { domainEventOf, type Stored } from './event.js'
import type { DomainEvent } from './names.js'

/** How the stored events of a stream become the state of an aggregate: the domain's own fold, behind the codec. */
export const decoded = <State, Event extends DomainEvent>({
  initial,
  evolve,
}: {
  initial: State
  evolve: (state: State, event: Event) => State
}) => ({
  initial,
  evolve,
  decode: (stored: Pick<Stored, 'type' | 'data' | 'metadata'>) => domainEventOf(stored) as Event | undefined,
})
