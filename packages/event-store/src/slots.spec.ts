import { expect } from 'chai'
import fc from 'fast-check'
import { Slots } from './slots.js'

describe('slots', () => {
  it('never run more work at once than there are slots, and run all of it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.record({ ticks: fc.integer({ min: 0, max: 3 }), fails: fc.boolean() }), { maxLength: 20 }),
        async (count, jobs) => {
          const slots = new Slots(count)
          let running = 0
          let most = 0
          const run = (ticks: number, fails: boolean) =>
            slots.use(async () => {
              most = Math.max(most, ++running)
              for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve()
              running -= 1
              if (fails) throw new Error('failed')
            })
          const results = await Promise.allSettled(jobs.map(({ ticks, fails }) => run(ticks, fails)))
          expect(results.map(({ status }) => status === 'rejected')).to.deep.equal(jobs.map(({ fails }) => fails))
          expect(most).to.be.at.most(count)
          expect(running).to.equal(0)
        },
      ),
    )
  })
})
