import type { Lie } from './lying-broker.js'

/** So many seeds from `first` on; `tell` hears of each that holds. */
export type ChaosRun = { first: number; seeds: number; tell?: (seed: number) => void }

/** What a run of chaos has seen: the first seed after which not everything was as it must be, if there was one. */
export type ChaosResult = Held & {
  /** How often each lie was told, and whatever else was done beside. */
  told: Readonly<Record<string, number>>
}
type Held = { seeds: number; failed?: { seed: number; why: string } }

/** Runs one seed after the other until one fails: `runSeed` says why. */
export const eachSeed = async (
  { first, seeds, tell = () => undefined }: ChaosRun,
  runSeed: (seed: number) => Promise<string | undefined>,
): Promise<Held> => {
  for (let seed = first; seed < first + seeds; seed++) {
    const why = await runSeed(seed)
    if (why !== undefined) return { seeds: seed - first + 1, failed: { seed, why } }
    tell(seed)
  }
  return { seeds }
}

/** Each seed lies in its own way: mostly by this, seldom by that; it kills little, since a reconnect takes its time. */
export const temperOf = (random: () => number): (() => Lie) => {
  const shares: [Lie, number][] = [
    ['drop', random() * 0.3],
    ['duplicate', random() * 0.3],
    ['delay', random() * 0.4],
    ['kill_channel', random() < 0.3 ? 0.05 : 0],
    ['kill_connection', random() < 0.15 ? 0.04 : 0],
  ]
  return () => {
    let left = random()
    for (const [lie, share] of shares) if ((left -= share) < 0) return lie
    return 'pass'
  }
}

/** mulberry32: the same numbers for the same seed, everywhere. */
export const randomOf = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
