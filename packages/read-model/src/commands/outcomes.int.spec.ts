import { expect } from 'chai'
import type { CommandAnswer } from '@journey/contracts'
import { emptied, withReadModel } from '../testing/database.js'
import { areHeld, claim, purge, settle, settleAll, type Claim } from './outcomes.js'

const claimOf = (commandId: string, over: Partial<Claim> = {}): Claim => ({
  commandId,
  commandType: 'journey.start',
  digest: `digest of ${commandId}`,
  correlationId: 'correlation',
  source: 'spec',
  claimedBy: 'spec',
  ...over,
})
const answerOf = (command_id: string, over: Partial<CommandAnswer> = {}): CommandAnswer => ({
  command_id,
  command_type: 'journey.start',
  status: 'accepted',
  stream: 'journey-a',
  revision: 0,
  events: ['journey.started', 'journey.promotion_held'],
  error: null,
  ...over,
})
const refusal = {
  code: 'journey/unknown',
  message: 'There is no journey; "begin" one, says {dana}',
  details: [{ field: 'client_id', code: 'unknown', message: 'never heard of' }],
}

describe('the outcomes of commands', () => {
  const database = withReadModel()
  beforeEach(() => emptied(database().db))

  it('tells of each of many claims what it found', async () => {
    const { db } = database()
    await claim(
      db,
      ['settled', 'refused', 'used', 'failed', 'claimed'].map((id) => claimOf(id)),
    )
    const answers = [
      answerOf('settled'),
      answerOf('refused', { status: 'rejected', stream: null, revision: null, events: [], error: refusal }),
      answerOf('used'),
      answerOf('failed', { status: 'failed', stream: null, revision: null, events: [], error: refusal }),
    ]
    expect(await settleAll(db, answers)).to.deep.equal(answers)
    const found = await claim(db, [
      claimOf('used', { digest: 'another' }),
      claimOf('new'),
      claimOf('failed', { digest: 'mended' }),
      claimOf('refused'),
      claimOf('claimed'),
      claimOf('settled'),
    ])
    expect(found).to.deep.equal([
      { found: 'key_reused', answer: answers[2] },
      { found: 'open', claimedBy: 'spec' },
      { found: 'open', claimedBy: 'spec' },
      { found: 'settled', answer: answers[1] },
      { found: 'open', claimedBy: 'spec' },
      { found: 'settled', answer: answers[0] },
    ])
  })

  it('keeps the first outcome of each, and gives it to everybody', async () => {
    const { db } = database()
    await claim(
      db,
      ['a', 'b'].map((id) => claimOf(id)),
    )
    const first = await settle(db, answerOf('b', { status: 'rejected', error: refusal }))
    expect(await settleAll(db, [answerOf('a'), answerOf('b'), answerOf('never claimed')])).to.deep.equal([
      answerOf('a'),
      first,
      answerOf('never claimed'),
    ])
    expect(await settle(db, answerOf('a', { revision: 7 }))).to.deep.equal(answerOf('a'))
  })

  it('keeps an outcome without events only of who holds the command, and one with events of everybody', async () => {
    const { db } = database()
    const none = { revision: null, stream: null, events: [] }
    const refused = (id: string, claimedBy: string) => ({
      ...answerOf(id, { ...none, status: 'rejected', error: refusal }),
      claimedBy,
    })
    const same = (id: string, claimedBy: string) => ({ ...answerOf(id, { events: [] }), claimedBy })
    const held = (ids: string[], claimedBy: string) =>
      areHeld(
        db,
        ids.map((commandId) => ({ commandId, claimedBy })),
      )
    const ids = ['a', 'b', 'c']
    await claim(
      db,
      ids.map((id) => claimOf(id, { claimedBy: 'first' })),
    )
    expect(await held([...ids, 'unknown'], 'first')).to.deep.equal([true, true, true, false])
    await claim(
      db,
      ids.map((id) => claimOf(id, { claimedBy: 'second' })),
    )
    expect(await held(ids, 'first')).to.deep.equal([false, false, false])
    const lost = [refused('a', 'first'), same('b', 'first'), { ...answerOf('c'), claimedBy: 'first' }]
    expect(await settleAll(db, lost)).to.deep.equal([undefined, undefined, answerOf('c')])
    const second = [refused('a', 'second'), { ...answerOf('b'), claimedBy: 'second' }, refused('c', 'second')]
    const { claimedBy: _, ...first } = refused('a', 'second')
    expect(await settleAll(db, second)).to.deep.equal([first, answerOf('b'), answerOf('c')])
    expect(await held(ids, 'second')).to.deep.equal([false, false, false])
    expect(await settleAll(db, lost)).to.deep.equal([first, answerOf('b'), answerOf('c')])
  })

  it('takes no claim away for another command under the same id', async () => {
    const { db } = database()
    await claim(db, [claimOf('a', { claimedBy: 'first' })])
    const [other] = await claim(db, [claimOf('a', { claimedBy: 'second', digest: 'another' })])
    expect(other?.found).to.equal('key_reused')
    expect(await areHeld(db, [{ commandId: 'a', claimedBy: 'first' }])).to.deep.equal([true])
  })

  it('tells what is stored, although the command failed elsewhere, and lets a refusal be decided anew', async () => {
    const { db } = database()
    const failed = answerOf('a', { status: 'failed', stream: null, revision: null, events: [], error: refusal })
    await claim(db, [claimOf('a', { claimedBy: 'first' })])
    expect(await settle(db, failed)).to.deep.equal(failed)
    expect(await settle(db, { ...answerOf('a', { events: [] }), claimedBy: 'first' })).to.equal(undefined)
    expect(await settle(db, { ...answerOf('a'), claimedBy: 'first' })).to.deep.equal(answerOf('a'))
    expect(await settle(db, failed)).to.deep.equal(answerOf('a'))
  })

  it('are kept for their time from when they were settled, which may be long after they came, and go then', async () => {
    const { db } = database()
    const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString()
    const ids = ['old', 'young', 'retried later', 'open']
    await claim(
      db,
      ids.map((id) => claimOf(id)),
    )
    await settleAll(db, [answerOf('old'), answerOf('young')])
    // A dead letter that lay for days, until somebody retried it just now.
    await settle(db, answerOf('retried later', { status: 'failed', events: [], error: refusal }))
    const came = (id: string, at: string) =>
      db.updateTable('commands').set({ received_at: at, settled_at: at }).where('command_id', '=', id).execute()
    for (const id of ['old', 'retried later', 'open']) await came(id, hoursAgo(24.1))
    await came('young', hoursAgo(23.9))
    await claim(db, [claimOf('retried later')])
    await settle(db, answerOf('retried later', { status: 'rejected', stream: null, events: [], error: refusal }))
    expect(await purge(db, 24)).to.equal(1)
    const left = await db.selectFrom('commands').select('command_id').execute()
    expect(left.map(({ command_id }) => command_id)).to.have.members(['young', 'retried later', 'open'])
    expect(await purge(db, 24)).to.equal(0)
  })

  it('lets several claim and settle the same commands at once, in whatever order', async () => {
    const { db } = database()
    for (let round = 0; round < 20; round++) {
      const ids = Array.from({ length: 10 }, (_, n) => `${round}-${n}`)
      const orders = [ids, [...ids].reverse(), ids, [...ids].reverse()]
      await Promise.all(
        orders.map((order) =>
          claim(
            db,
            order.map((id) => claimOf(id)),
          ),
        ),
      )
      const settled = await Promise.all(
        orders.map((order, n) =>
          settleAll(
            db,
            order.map((id) => answerOf(id, { revision: n })),
          ),
        ),
      )
      const revisions = settled.map((answers) => new Map(answers.map((one) => [one!.command_id, one!.revision])))
      for (const each of revisions) for (const id of ids) expect(each.get(id)).to.equal(revisions[0]!.get(id))
    }
  })
})
