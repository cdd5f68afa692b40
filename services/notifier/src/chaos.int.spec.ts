import { expect } from 'chai'
import { runChaos } from './testing/chaos.js'

/** With deaths and lost connections among them. `npm run chaos -- --consumer notifier --seeds N --seed S` runs others. */
const [first, seeds] = [11, 6]

describe('a notifier that is killed, behind a broker that drops, repeats and reorders, and closes channels and connections', () => {
  it('tells the CRM of each event under one id, and leaves nothing behind, with every seed', async () => {
    const { failed, told } = await runChaos({ first, seeds })
    const again = failed && `npm run chaos -- --consumer notifier --seeds 1 --seed ${failed.seed}\n${failed.why}`
    expect(failed, again).to.equal(undefined)
    for (const trouble of ['drop', 'duplicate', 'delay', 'refused', 'kill_process'])
      expect(told[trouble], trouble).to.be.greaterThan(0)
    expect(told.kill_channel! + told.kill_connection!, 'closed').to.be.greaterThan(0)
  }).timeout(200_000)
})
