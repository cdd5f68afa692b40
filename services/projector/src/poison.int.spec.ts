import { isDeepStrictEqual } from 'node:util'
import { expect } from 'chai'
import { eventually } from '@journey/messaging/testing'
import { findDeadLetters, readModelConsumer, retryParked } from '@journey/read-model'
import { actions, actualRows, expectedRows, type Move } from '@journey/read-model/testing'
import { limitMs, withLives } from './testing/lives.js'

const moves = Array.from({ length: 60 }, (_, n): Move => ({
  client: n % 4,
  action: n < 4 ? 'start' : actions[(n * 31) % actions.length]!,
  pick: n % 17,
}))

describe('a stream that kills the projector', () => {
  it('is put aside as poison after five deaths, alone, and freed by a retry', () =>
    withLives(moves, async ({ db, store, events, recorded, streamOf, publish, begin }) => {
      const deadly = streamOf(2)
      await publish(events)
      let deaths = 0
      begin([deadly], (signal) => signal === 'SIGKILL' && deaths++)

      const lastOf = (stream: string) => events.findLast((event) => event.stream === stream)!.revision
      const mine = recorded.filter(
        ({ event: { data } }) => 'client_id' in data && `journey-${data.client_id}` === deadly,
      )
      const others = expectedRows(recorded.filter((event) => !mine.includes(event)))
      await eventually(
        'the parked stream',
        () =>
          db
            .selectFrom('parked_streams')
            .selectAll()
            .where('code', '=', 'projection/poison')
            .where('last_seen', '=', lastOf(deadly)) // what comes after its retry would kill again
            .executeTakeFirst(),
        limitMs,
      )
      const isThere = async () => {
        const actual = await actualRows(db)
        return others.journey_states.every((row) => actual.journey_states.includes(row))
      }
      await eventually('all others', isThere, limitMs)
      expect(deaths).to.equal(6)
      const entries = await findDeadLetters(db, { limit: 100 })
      const found = entries.filter(({ reason }) => reason === 'poison')
      expect(found.map(({ id, state, code }) => [id, state, code])).to.deep.equal([
        [`parked:projector:${deadly}`, 'open', 'projection/poison'],
      ])
      await retryParked(readModelConsumer(db, store), deadly)
      const expected = expectedRows(recorded)
      await eventually('all rows', async () => isDeepStrictEqual(await actualRows(db), expected), limitMs)
    })).timeout(2 * limitMs)
})
