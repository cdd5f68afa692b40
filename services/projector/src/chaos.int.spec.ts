import { expect } from 'chai'
import { runChaos } from './testing/chaos.js'

/** `npm run chaos -- --seeds N --seed S` runs others. */
const seeds = 200

describe('a projector behind a broker that drops, repeats and reorders, and closes channels and connections', () => {
  it('makes the rows that the streams tell of, with every seed', async () => {
    const { failed, told } = await runChaos({ first: 1, seeds })
    expect(failed, failed && `npm run chaos -- --seeds 1 --seed ${failed.seed}\n${failed.why}`).to.equal(undefined)
    for (const [lie, times] of Object.entries(told)) expect(times, lie).to.be.greaterThan(0)
  }).timeout(400_000)
})
