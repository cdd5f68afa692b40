import { expect } from 'chai'
import { inBatches, type Batching } from './batches.js'
import { conflict, unavailable } from './errors.js'

/** Work that waits to be let go on, and remembers its batches. */
const setup = (
  batching: Partial<Batching<string>> = {},
  failure: (items: readonly string[]) => Error | undefined = () => undefined,
) => {
  const batches: string[][] = []
  const gates: (() => void)[] = []
  const hasBegun: (() => void)[] = []
  const call = inBatches<string, string>({ most: 3, ...batching }, async (items) => {
    batches.push([...items])
    hasBegun.shift()?.()
    await new Promise<void>((resolve) => gates.push(resolve))
    const error = failure(items)
    if (error) throw error
    return items.map((item) => item.toUpperCase())
  })
  return {
    call,
    batches,
    /** Resolves when the next batch begins. */
    next: () => new Promise<void>((resolve) => hasBegun.push(resolve)),
    letGo: () => gates.shift()?.(),
  }
}

const outcomes = async (calls: Promise<string>[]) =>
  (await Promise.allSettled(calls)).map((one) =>
    one.status === 'fulfilled' ? one.value : (one.reason as Error).message,
  )

describe('work in batches', () => {
  it('takes together what is asked for together, and gives each its own result', async () => {
    const { call, batches, next, letGo } = setup()
    const begun = next()
    const calls = ['a', 'b'].map(call)
    await begun
    letGo()
    expect(await Promise.all(calls)).to.deep.equal(['A', 'B'])
    expect(batches).to.deep.equal([['a', 'b']])
  })

  it('gathers the next batch while one is under way, in order and never more than allowed', async () => {
    const { call, batches, next, letGo } = setup()
    let begun = next()
    const calls = [call('a')]
    await begun
    calls.push(...['b', 'c', 'd', 'e'].map(call))
    for (let n = 0; n < 2; n++) {
      begun = next()
      letGo()
      await begun
    }
    letGo()
    expect(await Promise.all(calls)).to.deep.equal(['A', 'B', 'C', 'D', 'E'])
    expect(batches).to.deep.equal([['a'], ['b', 'c', 'd'], ['e']])
  })

  it('has as many batches under way as it may, and gathers what comes meanwhile', async () => {
    const { call, batches, next, letGo } = setup({ atOnce: 2 })
    let begun = next()
    const calls = [call('a')]
    await begun
    begun = next()
    calls.push(call('b'))
    await begun
    calls.push(...['c', 'd'].map(call))
    expect(batches).to.deep.equal([['a'], ['b']])
    begun = next()
    letGo() // the first; the second is still under way
    await begun
    expect(batches).to.deep.equal([['a'], ['b'], ['c', 'd']])
    letGo()
    letGo()
    expect(await Promise.all(calls)).to.deep.equal(['A', 'B', 'C', 'D'])
  })

  it('keeps items with the same key apart', async () => {
    const { call, batches, next, letGo } = setup({ keyOf: (item) => item })
    let begun = next()
    const calls = ['a', 'a', 'b'].map(call)
    await begun
    begun = next()
    letGo()
    await begun
    letGo()
    expect(await Promise.all(calls)).to.deep.equal(['A', 'A', 'B'])
    expect(batches).to.deep.equal([['a', 'b'], ['a']])
  })

  it('tries the items of a failed batch alone, so that only the bad one fails', async () => {
    const { call, batches, next, letGo } = setup({}, (items) =>
      items.includes('bad') ? conflict('spec/bad', 'bad') : undefined,
    )
    let begun = next()
    const calls = ['a', 'bad', 'b'].map(call)
    await begun
    for (let n = 0; n < 3; n++) {
      begun = next()
      letGo()
      await begun
    }
    letGo()
    expect(await outcomes(calls)).to.deep.equal(['A', 'bad', 'B'])
    expect(batches).to.deep.equal([['a', 'bad', 'b'], ['a'], ['bad'], ['b']])
  })

  it('fails all of a batch at once when a server is away, and goes on with the next', async () => {
    let isAway = true
    const { call, batches, next, letGo } = setup({}, () => (isAway ? unavailable('spec/away', 'away') : undefined))
    let begun = next()
    const calls = ['a', 'b'].map(call)
    await begun
    letGo()
    expect(await outcomes(calls)).to.deep.equal(['away', 'away'])
    isAway = false
    begun = next()
    const later = call('c')
    await begun
    letGo()
    expect(await later).to.equal('C')
    expect(batches).to.deep.equal([['a', 'b'], ['c']])
  })
})
