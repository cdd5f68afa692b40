// Simple commands, published and seen in the read model: as many as go, and at shares of that.
import { setTimeout as sleep } from 'node:timers/promises'
import { figuresOf } from '../durations.mjs'

/** Holds and releases of many journeys, each journey's in turn. */
export const createSteering = (commander, watch, clients) => {
  const held = new Map()
  let errors = 0

  /** One command of one client, until its row shows it. */
  const steer = async (client_id) => {
    const type = held.get(client_id) ? 'journey.release' : 'journey.hold'
    held.set(client_id, !held.get(client_id))
    const { answer, publishedAt } = await commander.command(type, { client_id, reason: 'bench' })
    if (answer.status !== 'accepted') errors++
    const visibleAt = await watch.seen(client_id, ({ revision }) => revision >= (answer.revision ?? 0))
    return { publishedAt, visibleAt }
  }

  return {
    errors: () => errors,

    /** Keeps so many commands under way for a time; how many were done, and that per second. */
    most: async (underWay, seconds) => {
      const end = performance.now() + seconds * 1000
      let done = 0
      let last = 0
      const begun = performance.now()
      const work = async (own) => {
        for (let n = 0; performance.now() < end; n++) {
          const { visibleAt } = await steer(own[n % own.length])
          done++
          last = Math.max(last, visibleAt)
        }
      }
      const share = Math.floor(clients.length / underWay)
      await Promise.all(Array.from({ length: underWay }, (_, n) => work(clients.slice(n * share, (n + 1) * share))))
      return { count: done, rate: (done * 1000) / (last - begun) }
    },

    /** Publishes at a steady rate for a time, whatever comes back when; how long each took to be visible. */
    at: async (rate, seconds) => {
      const durations = []
      const pending = new Set()
      const begun = performance.now()
      for (let n = 0; performance.now() - begun < seconds * 1000;) {
        const due = Math.floor(((performance.now() - begun) / 1000) * rate)
        for (; n < due; n++) {
          const one = steer(clients[n % clients.length]).then(({ publishedAt, visibleAt }) => {
            durations.push(visibleAt - publishedAt)
            pending.delete(one)
          })
          pending.add(one)
        }
        await sleep(2)
      }
      await Promise.all(pending)
      return figuresOf(durations)
    },
  }
}
