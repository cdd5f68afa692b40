import { expect } from 'chai'
import { runChaos } from './chaos.js'

/** Lies in every way. `npm run chaos -- --consumer saga-processor --seeds N --seed S` runs others; each takes some seconds. */
const seed = 18

describe('a saga-processor behind a broker that drops, repeats and reorders, and closes channels and connections', () => {
  it('takes journeys to production as it would behind an honest one', async () => {
    const { failed, told } = await runChaos({ first: seed, seeds: 1 })
    const again = failed && `npm run chaos -- --consumer saga-processor --seeds 1 --seed ${failed.seed}\n${failed.why}`
    expect(failed, again).to.equal(undefined)
    for (const lie of ['drop', 'duplicate', 'delay'] as const) expect(told[lie], lie).to.be.greaterThan(0)
  })
})
