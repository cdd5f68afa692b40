import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Asks how far something is until it is at the end, and gives its rate from the first sign of movement on, so that neither starting
 * nor the last round of asking counts.
 */
export const pace = async ({ look, from, to, tell = () => undefined, limitMs = 900_000 }) => {
  let first
  const end = Date.now() + limitMs
  for (;;) {
    const at = performance.now()
    const reached = await look()
    if (reached > from) {
      first ??= { at, reached }
      tell(reached - from, to - from)
    }
    if (reached >= to) {
      const seconds = (performance.now() - first.at) / 1000
      return { seconds, rate: (to - first.reached) / Math.max(seconds, 0.001) }
    }
    if (Date.now() > end) throw new Error(`only ${reached - from} of ${to - from} after ${limitMs / 1000} s`)
    await sleep(100) // asking costs the one who is asked: at 20 ms a tenth of its time
  }
}

/** A counter of a process, all its labels added up; 0 while it is not there. */
export const counterOf = async (url, name, label = '') => {
  const text = await fetch(`${url}/metrics`).then(
    (response) => response.text(),
    () => '',
  )
  return [...text.matchAll(new RegExp(`^${name}(\\{[^}]*\\})? (\\S+)$`, 'gm'))]
    .filter(([, labels = '']) => labels.includes(label))
    .reduce((sum, [, , value]) => sum + Number(value), 0)
}
