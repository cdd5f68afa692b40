import type { Aggregate, DecidedEvent, EventStore, Loaded } from '../index.js'
import { anEvent } from './events.js'

/** A counter; each of its events says what it should then stand at. */
export type Stepped = { by: number; total: number }

export const counter: Aggregate<number, Stepped> = {
  initial: 0,
  evolve: (state, { by }) => state + by,
  decode: ({ type, data }) => (type === 'Stepped' ? (data as Stepped) : undefined),
}

/** Decides one step more. */
export const count = ({ state }: Loaded<number>): DecidedEvent[] => [
  { type: 'Stepped', data: { by: 1, total: state + 1 }, metadata: {} },
]

/** Stores so many steps of one each, without any command. */
export const stepsIn = async (store: EventStore, stream: string, steps: number): Promise<void> => {
  for (let total = 0; total < steps;) {
    const some = Math.min(500, steps - total)
    const events = Array.from({ length: some }, (_, n) =>
      anEvent({ type: 'Stepped', data: { by: 1, total: total + n + 1 } }),
    )
    await store.append(stream, total === 0 ? 'no_stream' : total - 1, events)
    total += some
  }
}
