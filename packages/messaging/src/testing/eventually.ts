import { setTimeout as delay } from 'node:timers/promises'

/** Asks again and again until the answer is truthy, and gives it; fails after the limit, naming what was waited for. */
export const eventually = async <T>(
  what: string,
  ask: () => T | Promise<T>,
  limitMs = 10_000,
): Promise<Exclude<T, undefined | null | false | 0 | ''>> => {
  for (const end = Date.now() + limitMs; ;) {
    const answer = await ask()
    if (answer) return answer as Exclude<T, undefined | null | false | 0 | ''>
    if (Date.now() > end) throw new Error(`Not within ${limitMs} ms: ${what}`)
    await delay(20)
  }
}
