import type { Attempted } from '@journey/read-model'
import { silentLog, unavailable } from '@journey/runtime'
import { expect } from 'chai'
import { createCourier, pauseAfterLook, type CourierOptions } from './courier.js'

/** Answers each look in turn, the last one for ever, and says how many there were. */
const withCourier = async (
  looks: (Attempted | Error)[],
  use: (courier: ReturnType<typeof createCourier>, looked: (count: number) => Promise<void>) => Promise<void>,
  options: Partial<CourierOptions> = {},
) => {
  let count = 0
  let reached: (() => void)[] = []
  const courier = createCourier({
    concurrency: 1,
    log: silentLog(),
    firstDelayMs: 1,
    attemptNext: () => {
      const look = looks[Math.min(count++, looks.length - 1)]!
      for (const check of reached.splice(0)) check()
      return look instanceof Error ? Promise.reject(look) : Promise.resolve(look)
    },
    ...options,
  })
  const looked = (wanted: number): Promise<void> =>
    new Promise((resolve) => {
      const check = () => {
        if (count >= wanted) resolve()
        else reached = [...reached, check]
      }
      check()
    })
  await courier.start()
  try {
    await use(courier, looked)
  } finally {
    await courier.stop()
  }
}

const nothing: Attempted = { tried: false, againInMs: undefined, inHand: 0 }
const tried: Attempted = { tried: true }

describe('the pause of a courier that can try nothing', () => {
  const times = { lookEveryMs: 60_000, watchEveryMs: 2_000 }

  it('is long when nobody has anything in hand, and no longer than until the next is due', () => {
    expect(pauseAfterLook({ tried: false, againInMs: undefined, inHand: 0 }, 0, times)).to.equal(60_000)
    expect(pauseAfterLook({ tried: false, againInMs: 500, inHand: 0 }, 0, times)).to.equal(500)
    expect(pauseAfterLook({ tried: false, againInMs: 500_000, inHand: 0 }, 0, times)).to.equal(60_000)
  })

  it('is short while others have something in hand, which what is under way here is not', () => {
    expect(pauseAfterLook({ tried: false, againInMs: undefined, inHand: 3 }, 2, times)).to.equal(2_000)
    expect(pauseAfterLook({ tried: false, againInMs: 50_000, inHand: 1 }, 0, times)).to.equal(2_000)
    expect(pauseAfterLook({ tried: false, againInMs: undefined, inHand: 2 }, 2, times)).to.equal(60_000)
  })
})

describe('a courier', () => {
  it('goes on as long as something is due', () => withCourier([tried, tried, tried, nothing], (_, looked) => looked(4)))

  it('looks again when told of something new', () =>
    withCourier([nothing], async (courier, looked) => {
      await looked(1)
      courier.ring()
      await looked(2)
    }))

  it('misses nothing it is told of while it looks', async () => {
    const courier: { ring?: () => void } = {}
    let looks = 0
    let second!: () => void
    const lookedAgain = new Promise<void>((resolve) => (second = resolve))
    const real = createCourier({
      concurrency: 1,
      log: silentLog(),
      attemptNext: () => {
        if (++looks === 1) courier.ring?.()
        else second()
        return Promise.resolve(nothing)
      },
    })
    courier.ring = () => real.ring()
    await real.start()
    await lookedAgain
    await real.stop()
  })

  it('looks again when a pause is over', () =>
    withCourier([{ ...nothing, againInMs: 1 }, nothing], (_, looked) => looked(2)))

  it('looks now and then for what another left behind', () =>
    withCourier([nothing], (_, looked) => looked(3), { lookEveryMs: 1 }))

  it('looks more often while another has something in hand', () =>
    withCourier(
      [{ ...nothing, inHand: 1 }, { ...nothing, againInMs: 50_000, inHand: 1 }, nothing],
      (_, looked) => looked(3),
      {
        watchEveryMs: 1,
      },
    ))

  it('goes on after the database was away', () =>
    withCourier([unavailable('database/away', 'away'), new Error('a bug'), tried, nothing], (_, looked) => looked(4)))

  it('looks for more beside a delivery that takes long', async () => {
    let end!: () => void
    const long = new Promise<void>((resolve) => (end = resolve))
    let looks = 0
    let thrice!: () => void
    const lookedBeside = new Promise<void>((resolve) => (thrice = resolve))
    const courier = createCourier({
      concurrency: 2,
      log: silentLog(),
      attemptNext: async (claimed) => {
        looks++
        if (looks === 3) thrice()
        if (looks !== 1) return nothing
        await Promise.resolve()
        claimed()
        await long
        return tried
      },
    })
    await courier.start()
    await lookedBeside
    end()
    await courier.stop()
  })

  it('lets attempts under way end before it stops', async () => {
    let end!: () => void
    const long = new Promise<void>((resolve) => (end = resolve))
    let isOver = false
    const courier = createCourier({
      concurrency: 1,
      log: silentLog(),
      attemptNext: async () => {
        await long
        isOver = true
        return nothing
      },
    })
    await courier.start()
    const stopped = courier.stop()
    end()
    await stopped
    expect(isOver).to.equal(true)
  })
})
