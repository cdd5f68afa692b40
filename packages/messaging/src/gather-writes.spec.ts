import { once } from 'node:events'
import { Writable } from 'node:stream'
import { expect } from 'chai'
import { gatherWrites } from './gather-writes.js'

describe('gathering the writes of a socket', () => {
  const socket = (highWaterMark = 16 * 1024) => {
    const calls: string[] = []
    const stream = new Writable({
      highWaterMark,
      decodeStrings: false,
      write: (chunk: string, _encoding, done) => {
        calls.push(chunk)
        done()
      },
      writev: (chunks, done) => {
        calls.push(chunks.map(({ chunk }) => chunk as string).join(''))
        done()
      },
    })
    gatherWrites(stream)
    return { stream, calls }
  }

  it('sends what one turn writes with one call, in order, before anything else happens', async () => {
    const { stream, calls } = socket()
    for (const text of ['a', 'b', 'c']) stream.write(text)
    expect(calls).to.deep.equal([])
    await Promise.resolve()
    await new Promise((resolve) => process.nextTick(resolve))
    expect(calls).to.deep.equal(['abc'])
    stream.write('d')
    await new Promise(setImmediate)
    expect(calls).to.deep.equal(['abc', 'd'])
  })

  it('tells when there is enough for now, and when there may be more', async () => {
    const { stream, calls } = socket(4)
    expect([stream.write('abc'), stream.write('def')]).to.deep.equal([true, false])
    await once(stream, 'drain')
    expect(calls).to.deep.equal(['abcdef'])
  })

  it('sends what is left when it ends', async () => {
    const { stream, calls } = socket()
    stream.write('a')
    stream.end('b')
    await once(stream, 'finish')
    expect(calls.join('')).to.equal('ab')
  })
})
