import { expect } from 'chai'
import type { EventStore } from './event-store.js'
import type { StoredEvent } from './events.js'
import { readWindow, type Window } from './window.js'

const minute = 60_000
const noon = Date.UTC(2026, 0, 27, 12)
const at = (minutes: number) => new Date(noon + minutes * minute).toISOString()

/** One event a minute, written by a clock that may be off, stored at positions 10, 20, … */
const logOf = (skews: readonly number[]): StoredEvent[] =>
  skews.map((skew, n) => ({
    id: String(n),
    type: 'T',
    data: {},
    metadata: { timestamp: at(n + skew) },
    stream: 's',
    revision: n,
    position: BigInt((n + 1) * 10),
    createdAt: at(n),
    isJson: true,
  }))

const storeOf = (log: readonly StoredEvent[], pageSize: number) => {
  let pages = 0
  const readAll: EventStore['readAll'] = ({ after }) => {
    pages++
    const rest = log.filter(({ position }) => after === 'start' || position > after)
    const events = rest.slice(0, pageSize)
    return Promise.resolve({ events, position: events.at(-1)?.position ?? after, isLast: rest.length < pageSize })
  }
  return { readAll, pages: () => pages }
}

const idsIn = async (store: Pick<EventStore, 'readAll'>, window: Window, after: bigint | 'start' = 'start') => {
  const ids: number[] = []
  for await (const { events } of readWindow(store, window, after, new AbortController().signal))
    ids.push(...events.map(({ id }) => Number(id)))
  return ids
}

const exact = Array.from({ length: 60 }, () => 0)

describe('the events of a window', () => {
  it('are those that happened from its beginning on and before its end', async () => {
    expect(await idsIn(storeOf(logOf(exact), 7), { from: at(10), to: at(13) })).to.deep.equal([10, 11, 12])
  })

  it('are found though the clocks of their writers are ten minutes off', async () => {
    const skews = exact.map((_, n) => (n % 2 === 0 ? 10 : -10))
    const log = logOf(skews)
    const expected = log.flatMap((_, n) => (n + skews[n]! >= 20 && n + skews[n]! < 30 ? [n] : []))
    expect(expected).to.include(10).and.to.include(39)
    expect(await idsIn(storeOf(log, 7), { from: at(20), to: at(30) })).to.deep.equal(expected)
  })

  it('end where the log ended when that is given, and later pages are not read', async () => {
    const store = storeOf(logOf(exact), 5)
    expect(await idsIn(store, { from: at(0), until: 60n })).to.deep.equal([0, 1, 2, 3, 4, 5])
    expect(store.pages()).to.be.at.most(3)
  })

  it('go on after a position', async () => {
    expect(await idsIn(storeOf(logOf(exact), 5), { from: at(0), to: at(4) }, 20n)).to.deep.equal([2, 3])
  })
})
