/** The consumer whose parked streams stand among the dead letters: the one that keeps the order of each stream. */
export const orderedConsumer = 'projector'

/** A parked stream's id in the list of dead letters. */
export const parkedId = (stream: string): string => `parked:${orderedConsumer}:${stream}`

/** The stream that such an id names; undefined for the id of a message. */
export const parkedStreamIn = (id: string): string | undefined =>
  id.startsWith(parkedId('')) ? id.slice(parkedId('').length) : undefined
