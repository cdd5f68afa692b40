import { expect } from 'chai'
import { Heads, noHead, type Head } from './heads.js'

const head = (last: bigint): Head => ({ id: 1n, last })
const loading = (heads: Record<string, Head>) => {
  const asked: string[][] = []
  const load = (names: readonly string[]) => {
    asked.push([...names])
    return Promise.resolve(new Map(names.map((name) => [name, heads[name] ?? noHead])))
  }
  return { asked, load }
}

describe('the heads of streams', () => {
  it('are read once, and then known', async () => {
    const { asked, load } = loading({ a: head(3n) })
    const heads = new Heads(10)
    expect([...(await heads.get(['a', 'b', 'a'], load)).values()]).to.deep.equal([head(3n), noHead])
    expect([...(await heads.get(['a', 'b'], load)).values()]).to.deep.equal([head(3n), noHead])
    expect(asked).to.deep.equal([['a', 'b']])
  })

  it('are those of the last commit, even when an older state was being read meanwhile', async () => {
    const { load } = loading({ a: head(9n) })
    const heads = new Heads(10)
    let finish: (heads: Map<string, Head>) => void = () => undefined
    const slow = heads.get(['a'], () => new Promise((resolve) => (finish = resolve)))
    heads.set('a', head(4n))
    finish(new Map([['a', head(3n)]]))
    await slow
    expect((await heads.get(['a'], load)).get('a')).to.deep.equal(head(4n))
  })

  it('are forgotten when others were used more recently', async () => {
    const { asked, load } = loading({})
    const heads = new Heads(2)
    await heads.get(['a'], load)
    await heads.get(['b'], load)
    await heads.get(['a'], load)
    await heads.get(['c'], load)
    await heads.get(['a'], load)
    await heads.get(['b'], load)
    expect(asked).to.deep.equal([['a'], ['b'], ['c'], ['b']])
  })
})
