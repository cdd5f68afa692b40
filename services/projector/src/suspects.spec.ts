import type { AnyRecorded } from '@journey/contracts'
import type { AppliedSlice, Deaths, Step } from '@journey/read-model'
import { unavailable } from '@journey/runtime'
import { expect } from 'chai'
import { createApply } from './suspects.js'

const of = (stream: string, revision: number) => ({ stream, revision }) as AnyRecorded

/** A projector that forgets when it dies: only what was begun is kept, as in the database. */
const setup = (kills: (events: readonly AnyRecorded[]) => boolean = () => false) => {
  const begun = new Map<string, number>()
  const told: string[] = []
  const none: AppliedSlice<Step> = { applied: 0, duplicates: 0, healed: 0, parked: 0, parkedNow: [], results: [] }
  const add = (streams: readonly string[], by: number) => {
    for (const stream of streams) begun.set(stream, (begun.get(stream) ?? 0) + by)
    return Promise.resolve()
  }
  let isAway = false
  const apply = createApply({
    apply: ({ events }) => {
      if (kills(events)) return new Promise(() => undefined) // nothing is heard of a process that died
      told.push(events.map(({ stream, revision }) => `${stream}@${revision}`).join(' '))
      return isAway ? Promise.reject(unavailable('test/away', 'away')) : Promise.resolve(none)
    },
    park: (stream, _, { code }) => {
      told.push(`parked ${stream} ${code}`)
      return Promise.resolve(none)
    },
    begun: {
      deaths: (streams) =>
        Promise.resolve(
          new Map(
            streams.flatMap((stream): [string, Deaths][] => {
              const times = begun.get(stream)
              return times === undefined ? [] : [[stream, { times, firstAt: new Date(0) }]]
            }),
          ),
        ),
      note: (streams) => add(streams, 1),
      takeBack: (streams) => add(streams, -1),
      forget: (streams) => {
        for (const stream of streams) begun.delete(stream)
        return Promise.resolve()
      },
    },
  })
  return { apply, told, begun, away: (is: boolean) => (isAway = is) }
}

const batchOf = (events: readonly AnyRecorded[]) => ({ events, freed: [] })
const all = (...streams: string[]) => new Set(streams)
/** Whether it ends before the process does. */
const ends = (work: Promise<unknown>): Promise<boolean> =>
  Promise.race([work.then(() => true), new Promise<boolean>((resolve) => setTimeout(resolve, 5, false))])

describe('events that come for the first time', () => {
  it('are applied together, and nothing is written down', async () => {
    const { apply, told, begun } = setup()
    await apply(batchOf([of('a', 0), of('b', 0)]), all())
    expect([told, begun.size]).to.deep.equal([['a@0 b@0'], 0])
  })
})

describe('events that come again', () => {
  it('are applied together once more, and forgotten then', async () => {
    const { apply, told, begun } = setup()
    await apply(batchOf([of('a', 0), of('b', 0), of('c', 0)]), all('a', 'b'))
    expect([told, begun.size]).to.deep.equal([['a@0 b@0 c@0'], 0])
  })

  it('count nothing while a server is away', async () => {
    const { apply, begun, away } = setup()
    away(true)
    for (let n = 0; n < 10; n++) await apply(batchOf([of('a', 0)]), all('a')).catch(() => undefined)
    expect(begun.get('a')).to.equal(0)
    away(false)
    await apply(batchOf([of('a', 0)]), all('a'))
    expect(begun.size).to.equal(0)
  })

  it('have one culprit after five deaths, and it alone is put aside', async () => {
    const { apply, told, begun } = setup((events) => events.some(({ stream }) => stream === 'b'))
    const batch = [of('a', 3), of('b', 1), of('c', 0), of('b', 2)]
    const again = all('a', 'b', 'c')
    let lives = 0
    while (!(await ends(apply(batchOf(batch), again)))) lives++
    expect(lives).to.equal(5)
    expect(told.filter((one) => one.startsWith('parked'))).to.deep.equal(['parked b projection/poison'])
    expect(told).to.include.members(['a@3', 'c@0'])
    expect(begun.size).to.equal(0)
  })

  it('are no poison as long as they get on before each death, slice by slice', async () => {
    let slices = 0
    const { apply, told, begun } = setup(() => slices++ % 2 === 1)
    let lives = 0
    for (const again = all('a'); lives < 10; lives++) while (await ends(apply(batchOf([of('a', 9)]), again)));
    expect(told).to.deep.equal(Array(10).fill('a@9'))
    expect(begun.get('a')).to.equal(1)
  })
})
