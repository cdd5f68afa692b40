import { expect } from 'chai'
import { targetOf } from './links.js'

const pointing = (text: string, type = '$>') =>
  targetOf({
    position: 1n,
    stream: 'links',
    revision: 0n,
    created: 0n,
    id: 'c2b1c4f4-0d5f-4d0a-8b7e-0a6d6d2a1a11',
    type,
    isJson: true,
    data: Buffer.from(text),
    metadata: Buffer.alloc(0),
  })

describe('a link', () => {
  it('names a revision and a stream, cut at the first @', () => {
    expect(pointing('12@order-1')).to.deep.equal({ stream: 'order-1', revision: 12n })
    expect(pointing('0@target@x')).to.deep.equal({ stream: 'target@x', revision: 0n })
  })

  it('leads nowhere when it cannot be read, or is no link', () => {
    for (const text of ['', 'nonsense', 'x@order-1', '99999999999999999999@order-1'])
      expect(pointing(text), text).to.equal(undefined)
    expect(pointing('12@order-1', 'OrderPlaced')).to.equal(undefined)
  })
})
