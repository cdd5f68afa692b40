import { expect } from 'chai'
import { createPoll } from './poll.js'

const setup = () => {
  const rows = new Map<string, number>()
  const looks: string[][] = []
  const poll = createPoll<number>((keys) => {
    looks.push([...keys])
    return Promise.resolve(new Map(rows))
  }, 1)
  return { rows, looks, poll, isFive: (row: number | undefined) => row === 5 }
}

describe('waiting for a row', () => {
  it('ends once it is as wished', async () => {
    const { rows, poll, isFive } = setup()
    const waiting = poll.until('a', isFive, 5_000)
    rows.set('a', 5)
    expect(await waiting).to.equal(5)
  })

  it('ends when the time is up, with what was seen last', async () => {
    const { rows, poll, isFive } = setup()
    rows.set('a', 4)
    expect(await poll.until('a', isFive, 20)).to.equal(4)
    expect(await poll.until('b', isFive, 20)).to.equal(undefined)
  })

  it('ends when the caller is gone, and when it is stopped', async () => {
    const { poll, isFive } = setup()
    const gone = new AbortController()
    const [one, other] = [poll.until('a', isFive, 5_000, gone.signal), poll.until('a', isFive, 5_000)]
    gone.abort()
    expect(await one).to.equal(undefined)
    poll.stop()
    expect(await other).to.equal(undefined)
  })

  it('asks once for all who wait, and for nobody when nobody waits', async () => {
    const { rows, looks, poll, isFive } = setup()
    const waiting = [poll.until('a', isFive, 5_000), poll.until('a', isFive, 5_000), poll.until('b', isFive, 5_000)]
    rows.set('a', 5).set('b', 5)
    expect(await Promise.all(waiting)).to.deep.equal([5, 5, 5])
    const asked = looks.length
    expect(looks.at(-1)?.length).to.be.lessThan(3)
    expect(await poll.until('b', isFive, 5_000)).to.equal(5)
    expect(looks.slice(asked)).to.deep.equal([['b']])
  })

  it('fails with what looking fails with, and can be tried again', async () => {
    let fails = true
    const poll = createPoll(() => (fails ? Promise.reject(new Error('away')) : Promise.resolve(new Map([['a', 1]]))), 1)
    const outcome = await poll.until('a', () => true, 5_000).catch((error: unknown) => error)
    fails = false
    expect(outcome).to.be.instanceOf(Error)
    expect(await poll.until('a', () => true, 5_000)).to.equal(1)
  })
})
