import { expect } from 'chai'
import { createOnce } from './once.js'

const setup = () => {
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = []
  const run = () => new Promise<void>((resolve, reject) => void ends.push({ resolve, reject }))
  return { once: createOnce(), ends, run }
}

describe('what runs once', () => {
  it('lets those who come meanwhile wait for the same end', async () => {
    const { once, ends, run } = setup()
    const both = Promise.all([once('a', run), once('a', run)])
    expect(ends).to.have.lengthOf(1)
    ends[0]!.resolve()
    await both
  })

  it('does not run again once done', async () => {
    const { once, ends, run } = setup()
    const first = once('a', run)
    ends[0]!.resolve()
    await first
    await once('a', run)
    expect(ends).to.have.lengthOf(1)
  })

  it('runs again after it failed, for all who waited as well', async () => {
    const { once, ends, run } = setup()
    const both = Promise.allSettled([once('a', run), once('a', run)])
    ends[0]!.reject(new Error('away'))
    expect((await both).map(({ status }) => status)).to.deep.equal(['rejected', 'rejected'])
    void once('a', run)
    expect(ends).to.have.lengthOf(2)
  })

  it('keeps keys apart', () => {
    const { once, ends, run } = setup()
    void once('a', run)
    void once('b', run)
    expect(ends).to.have.lengthOf(2)
  })
})
