import { codeOf } from '@journey/runtime'
import { expect } from 'chai'
import { randomBytes } from 'node:crypto'
import { settle } from './commands/outcomes.js'
import { rehearse } from './rehearsal.js'
import { emptied, withReadModel } from './testing/database.js'

const refused = {
  ...{ command_id: 'c-1', command_type: 'journey.hold', status: 'rejected' as const, stream: null, revision: null },
  ...{ events: [], error: { code: 'journey/unknown', message: 'Dana has no journey', details: [] } },
  about: 'journey-client-1',
}

describe('a rehearsal', () => {
  const database = withReadModel({ encryption: { key: randomBytes(32).toString('base64'), old: [] } })
  beforeEach(() => emptied(database().db))

  it('tells what came of its work, and leaves nothing behind', async () => {
    const { db } = database()
    const answer = await rehearse(db, async (transaction) => {
      await settle(transaction, refused)
      return transaction.selectFrom('commands').select(['command_id', 'error', 'sealed']).executeTakeFirstOrThrow()
    })
    expect([answer.command_id, answer.error]).to.deep.equal(['c-1', refused.error])
    expect(await db.selectFrom('commands').selectAll().execute()).to.deep.equal([])
  })

  it('throws what its work throws, with nothing left behind', async () => {
    const { db } = database()
    const work = rehearse(db, async (transaction) => {
      await settle(transaction, refused)
      throw new TypeError('no')
    })
    expect(await work.catch((error: unknown) => error)).to.be.instanceOf(TypeError)
    expect(await db.selectFrom('commands').selectAll().execute()).to.deep.equal([])
  })

  it('seals content with a key of the moment, so that no client gets one', async () => {
    const { db } = database()
    const { error, bytes } = await rehearse(db, async (transaction) => {
      await settle(transaction, refused)
      const row = await transaction.selectFrom('commands').select(['command_id', 'error', 'sealed']).executeTakeFirst()
      const raw = await transaction.withoutPlugins().selectFrom('commands').select('sealed').executeTakeFirst()
      return { error: row?.error, bytes: raw?.sealed }
    })
    expect(error).to.deep.equal(refused.error)
    expect(Buffer.isBuffer(bytes)).to.equal(true)
    expect(await db.selectFrom('data_keys').selectAll().execute()).to.deep.equal([])
  })

  it('keeps nobody waiting who holds the same rows in earnest', async () => {
    const { db } = database()
    await settle(db, refused)
    await db.transaction().execute(async (transaction) => {
      await transaction.selectFrom('commands').selectAll().forUpdate().execute()
      const late = await rehearse(db, (other) =>
        other.updateTable('commands').set({ claimed_by: 'me' }).where('command_id', '=', 'c-1').execute(),
      ).catch(codeOf)
      expect(late).to.equal('database/too_slow')
    })
  })

  it('is given up when it takes long itself, and holds nothing any more', async () => {
    const { db } = database()
    await settle(db, refused)
    const change = (transaction: typeof db) =>
      transaction.updateTable('commands').set({ claimed_by: 'me' }).where('command_id', '=', 'c-1').execute()
    const endless = rehearse(
      db,
      async (transaction) => {
        for (;;) await change(transaction)
      },
      { withinMs: 40 },
    )
    expect(await endless.catch(codeOf)).to.equal('rehearsal/too_long')
    await change(db)
  })

  it('sees nothing of what others do beside it, where it is to compare', async () => {
    const { db } = database()
    const seen = await rehearse(
      db,
      async (transaction) => {
        const count = () => transaction.selectFrom('commands').select('command_id').execute()
        const before = await count()
        await settle(db, refused)
        return [before.length, (await count()).length]
      },
      { alone: true },
    )
    expect(seen).to.deep.equal([0, 0])
  })
})
