import { expect } from 'chai'
import fc from 'fast-check'
import type { Recorded } from '@journey/contracts'
import { applySlices, type Consumer } from '../gates/apply-batch.js'
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

/** How much is read from the event store in one transaction, and whether the process dies after a slice that is not the last. */
const healing = fc.record({
  events: fc.constantFrom(4, 16, 500),
  weight: fc.constantFrom(3_000, 8_000_000),
  dies: fc.infiniteStream(fc.constantFrom(true, false, false)),
})

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

    it('has the rows of the offline fold, however the events arrive and in whatever slices gaps are healed', async () => {
      const { db } = database()
      await fc.assert(
        fc.asyncProperty(
          moves.map((some) => logOf(some)).chain((log) => fc.tuple(fc.constant(log), deliveries(log))),
          healing,
          async ([log, batches], { dies, ...slice }) => {
            await emptied(db)
            let held = 0
            let most = 0
            const consumer: Consumer<Step> = {
              db,
              name: 'spec',
              slice,
              // What cannot be applied together is read and applied once more.
              project: (transaction, events) => {
                most = Math.max(most, held)
                held = 0
                return project(transaction, events)
              },
              readMissing: function* (stream, from, to) {
                for (const one of log)
                  if (one.stream === stream && one.revision >= from && one.revision <= to) {
                    held++
                    yield one
                  }
              },
            }
            let seen = 0
            for (const batch of batches) {
              const streams = new Set(batch.map(({ stream }) => stream)).size
              for (let isOver = false; !isOver;) {
                isOver = true
                let done = 0
                for await (const applied of applySlices(consumer, { events: batch, freed: [] })) {
                  expect(Math.max(most, held)).to.be.at.most(Math.max(slice.events, streams))
                  held = most = 0
                  done += applied.applied + applied.duplicates + applied.parked
                  expect(applied.results).to.have.length(applied.applied + applied.healed)
                  seen += applied.results.length
                  isOver = !applied.rest || !dies.next().value
                  if (!isOver) break // the whole batch is delivered again
                }
                if (isOver) expect(done).to.equal(batch.length)
              }
            }
            expect(await parkedStreams(db, 'spec')).to.deep.equal([])
            expect(seen, 'each event moves the metrics once').to.equal(log.length)
            expect(await actualRows(db)).to.deep.equal(expectedRows(log))
          },
        ),
        { numRuns: encryption ? 15 : 45 },
      )
    })
  })
