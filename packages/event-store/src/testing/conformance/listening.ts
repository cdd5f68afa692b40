import type { AllStreamSubscription, ResolvedEvent, StreamSubscription } from '@eventstore/db-client'
import { within } from './within.js'

/** Everything a subscription says, in order: `confirmation`, `caught up`, the events, and the name of the error that ends it. */
export type Listener = {
  readonly told: string[]
  /** Resolves with all that was told once it is so much. */
  until: (count: number) => Promise<string[]>
  stop: () => Promise<void>
}

type Event = NonNullable<ResolvedEvent['event']>

/** Listens to a subscription; `show` turns an event into words, or into undefined where it is of no concern. */
export const listen = (
  subscription: AllStreamSubscription | StreamSubscription,
  show: (event: Event) => string | undefined,
): Listener => {
  const told: string[] = []
  let wake: (() => void) | undefined
  let isOver = false
  const tell = (what: string | undefined): void => {
    if (what === undefined) return
    told.push(what)
    wake?.()
  }
  const any = subscription as StreamSubscription
  any.on('confirmation', () => tell('confirmation'))
  any.on('caughtUp', () => tell('caught up'))
  any.on('data', ({ event }: ResolvedEvent) => tell(event ? show(event) : 'nothing'))
  any.on('error', (error) => {
    isOver = true
    tell(error.constructor.name)
  })
  return {
    told,
    until: async (count) => {
      const missing = `message ${count}, after ${JSON.stringify(told.slice(-5))},`
      while (told.length < count) await within(missing, new Promise<void>((resolve) => (wake = resolve)))
      return [...told]
    },
    stop: async () => {
      if (!isOver) await within('the end of a subscription', subscription.unsubscribe())
    },
  }
}
