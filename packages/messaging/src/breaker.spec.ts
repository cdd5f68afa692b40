import { silentLog, unavailable } from '@journey/runtime'
import { expect } from 'chai'
import { createBreaker, type BreakerOptions } from './breaker.js'
import { deferred } from './waiting.js'

const away = (): Promise<never> => Promise.reject(unavailable('database/away', 'away'))
const never = new AbortController().signal
const setup = (options: Partial<BreakerOptions> = {}) =>
  createBreaker({ name: 'spec', log: silentLog(), firstDelayMs: 1, mostDelayMs: 2, ...options })

describe('a breaker', () => {
  it('hands on results and errors of other families as they are', async () => {
    const breaker = setup()
    expect(await breaker.run(() => Promise.resolve(1), never)).to.equal(1)
    const error = new Error('a bug')
    expect(await breaker.run(() => Promise.reject(error), never).catch((reason: unknown) => reason)).to.equal(error)
    expect(breaker.isOpen).to.equal(false)
  })

  it('does work again until the server is back', async () => {
    const breaker = setup()
    let calls = 0
    expect(await breaker.run(() => (++calls < 5 ? away() : Promise.resolve('done')), never)).to.equal('done')
    expect(calls).to.equal(5)
    expect(breaker.reason).to.equal(undefined)
  })

  it('lets no other work begin until the probe resolves', async () => {
    const back = deferred()
    const breaker = setup({ probe: () => back.promise })
    let first = 0
    let second = 0
    const one = breaker.run(() => (++first === 1 ? away() : Promise.resolve()), never)
    await Promise.resolve()
    const two = breaker.run(() => Promise.resolve(second++), never)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect([breaker.isOpen, first, second]).to.deep.equal([true, 1, 0])
    expect(breaker.reason).to.have.property('code', 'database/away')
    back.resolve()
    await Promise.all([one, two])
    expect([breaker.isOpen, first, second]).to.deep.equal([false, 2, 1])
  })

  it('counts one failure for all the work that failed together', async () => {
    let probes = 0
    const breaker = setup({
      probe: () => {
        probes++
        return Promise.resolve()
      },
    })
    const once = () => {
      let calls = 0
      return () => (++calls === 1 ? away() : Promise.resolve())
    }
    await Promise.all(Array.from({ length: 10 }, () => breaker.run(once(), never)))
    expect(probes).to.equal(1)
  })

  it('lets go of work whose message is gone', async () => {
    const breaker = setup({ probe: () => new Promise(() => undefined) })
    const gone = new AbortController()
    const waiting = breaker.run(away, gone.signal).catch((reason: unknown) => reason)
    gone.abort('gone')
    expect(await waiting).to.equal('gone')
  })
})
