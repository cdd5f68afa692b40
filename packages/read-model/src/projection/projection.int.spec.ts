import { expect } from 'chai'
import fc from 'fast-check'
import type { Recorded } from '@journey/contracts'
import { applyBatch, type Consumer } from '../gates/apply-batch.js'
import { parkedStreams } from '../gates/parked.js'
import { actualRows, expectedRows } from '../testing/rows.js'
import { actions, logOf, type Move } from '../testing/histories.js'
import { emptied, withReadModel } from '../testing/database.js'
import type { Step } from './fold.js'
import { project } from './project.js'

const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.record({ client: fc.nat(2), action: fc.constantFrom(...actions), pick: fc.nat(30) }),
  { minLength: 20, maxLength: 150, size: 'max' },
)

/** Every event at least once, in any order, some of them again, cut into batches anyhow. */
const deliveries = (log: readonly Recorded[]): fc.Arbitrary<Recorded[][]> =>
  fc
    .tuple(
      fc.shuffledSubarray([...log], { minLength: log.length }),
      fc.subarray([...log]),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 }),
      fc.boolean(),
    )
    .map(([shuffled, again, sizes, inOrder]) => cut([...(inOrder ? log : shuffled), ...again], sizes))

const cut = (events: Recorded[], sizes: readonly number[]): Recorded[][] => {
  const batches: Recorded[][] = []
  for (let n = 0; events.length > 0; n++) batches.push(events.splice(0, sizes[n % sizes.length]))
  return batches
}

for (const encryption of [undefined, { key: Buffer.alloc(32, 7).toString('base64'), old: [] }])
  describe(encryption ? 'the read model, sealed' : 'the read model', function () {
    this.timeout(120_000)
    const database = withReadModel({ encryption })

    it('has the rows of the offline fold, however the events arrive', async () => {
      const { db } = database()
      await fc.assert(
        fc.asyncProperty(
          moves.map(logOf).chain((log) => fc.tuple(fc.constant(log), deliveries(log))),
          async ([log, batches]) => {
            await emptied(db)
            const consumer: Consumer<Step> = {
              db,
              name: 'spec',
              project,
              readMissing: (stream, from, to) =>
                Promise.resolve(
                  log.filter((one) => one.stream === stream && one.revision >= from && one.revision <= to),
                ),
            }
            let seen = 0
            for (const batch of batches) {
              const { applied, healed, duplicates, parked, results } = await applyBatch(consumer, batch)
              expect(applied + duplicates + parked).to.equal(batch.length)
              expect(results).to.have.length(applied + healed)
              seen += results.length
            }
            expect(await parkedStreams(db, 'spec')).to.deep.equal([])
            expect(seen, 'each event moves the metrics once').to.equal(log.length)
            expect(await actualRows(db)).to.deep.equal(expectedRows(log))
          },
        ),
        { numRuns: encryption ? 15 : 60 },
      )
    })
  })
