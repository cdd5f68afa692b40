import { expect } from 'chai'
import { runChaos } from './testing/chaos.js'

/** `npm run chaos -- --consumer command-handler --seeds N --seed S` runs others. */
const seeds = 12

describe('a command-handler behind a broker that drops, repeats and reorders, and closes channels and connections', () => {
  it('does each accepted command once, tells everybody the same, and leaves no holes, with every seed', async () => {
    const { failed, told } = await runChaos({ first: 1, seeds })
    const again = failed && `npm run chaos -- --consumer command-handler --seeds 1 --seed ${failed.seed}\n${failed.why}`
    expect(failed, again).to.equal(undefined)
    for (const [lie, times] of Object.entries(told)) expect(times, lie).to.be.greaterThan(0)
  }).timeout(200_000)
})
