import { expect } from 'chai'
import { eventually } from '@journey/messaging/testing'
import { appliedRevision, parkedStreams } from '@journey/read-model'
import { actualRows, expectedRows, type Move } from '@journey/read-model/testing'
import { limitMs, withLives } from './testing/lives.js'

const moves: Move[] = [
  { client: 0, action: 'start', pick: 1 },
  ...Array.from({ length: 39 }, (_, n): Move => ({ client: 0, action: n % 2 === 0 ? 'hold' : 'release', pick: n })),
  { client: 1, action: 'start', pick: 1 },
]

describe('a projector that is killed while it heals a gap', () => {
  it('goes on where it was, and does nothing twice', () =>
    withLives(moves, async ({ db, events, recorded, streamOf, publish, begin }) => {
      const [deep, other] = [streamOf(0), streamOf(1)]
      await publish([events.findLast(({ stream }) => stream === deep)!, events.at(-1)!])
      const reached: number[] = []
      begin([deep, '1', '20'], async () => reached.push(await appliedRevision(db, 'projector', deep)))
      await eventually('the last event', async () => (await appliedRevision(db, 'projector', deep)) === 39, limitMs)
      await eventually('the other stream', async () => (await appliedRevision(db, 'projector', other)) === 0, limitMs)
      expect(reached).to.deep.equal([19])
      expect(await parkedStreams(db, 'projector')).to.deep.equal([])
      expect(await actualRows(db)).to.deep.equal(expectedRows(recorded))
    })).timeout(2 * limitMs)
})
