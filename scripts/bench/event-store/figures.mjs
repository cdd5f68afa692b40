import { figuresOf } from '../durations.mjs'

/** Lets so many clients repeat a piece of work for a while, each by itself. */
export const repeated = async (clients, seconds, work) => {
  const durations = []
  const begun = performance.now()
  const until = begun + seconds * 1000
  const one = async (_, client) => {
    while (performance.now() < until) {
      const from = performance.now()
      await work(client)
      durations.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: clients }, one))
  return { rate: durations.length / ((performance.now() - begun) / 1000), ...figuresOf(durations, 2) }
}

/** Does a piece of work once that returns how much it did. */
export const counted = async (work) => {
  const begun = performance.now()
  const count = await work()
  return { count, rate: count / ((performance.now() - begun) / 1000) }
}

/** The round whose rate is in the middle. */
export const medianOf = (rounds) => [...rounds].sort((a, b) => a.rate - b.rate)[Math.floor(rounds.length / 2)]

export const ratio = (one, other) => Number((one / other).toFixed(2))

export const whole = (value) => Math.round(value).toLocaleString('en')

/** A line of a table: what, then its figures. */
export const line = (what, ...cells) => `  ${what.padEnd(36)}${cells.map((cell) => String(cell).padStart(10)).join('')}`
