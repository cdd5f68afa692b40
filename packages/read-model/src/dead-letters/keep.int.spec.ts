import { expect } from 'chai'
import { sql } from 'kysely'
import { commandQueue } from '@journey/contracts'
import { applyBatch } from '../gates/apply-batch.js'
import { project } from '../projection/project.js'
import { actions, logOf } from '../testing/histories.js'
import { openLettersOf } from './queries.js'
import { emptied, withReadModel } from '../testing/database.js'
import { letterOf } from '../testing/letters.js'
import { createKeepDeadLetter, keepDeadLetter, type Letter } from './keep.js'
import { resolveRetried, resolveTasks } from './resolve.js'

describe('the table of dead letters', () => {
  const database = withReadModel()

  const setup = async () => {
    const { db } = database()
    await emptied(db)
    const rows = () => db.selectFrom('dead_letters').selectAll().execute()
    const keep = async (over: Partial<Letter> = {}) => {
      await keepDeadLetter(db, letterOf(over))
      return (await rows())[0]!.id
    }
    /** What a retry leaves behind. */
    const retry = (id: string) =>
      db
        .updateTable('dead_letters')
        .set({ state: 'retrying', retries: sql`retries + 1` })
        .where('id', '=', id)
        .execute()
    return { db, rows, keep, retry }
  }

  it('has a letter once, however often its delivery is repeated', async () => {
    const { keep, rows } = await setup()
    await keep()
    await keep()
    expect((await rows()).map(({ queue, state, client_id, type }) => [queue, state, client_id, type])).to.deep.equal([
      ['notifier.events', 'open', 'client-1', 'journey.started'],
    ])
  })

  it('tells whose a command on a unit of work is, which names no client', async () => {
    const { db, rows } = await setup()
    const moves = Array.from({ length: 30 }, (_, n) => ({
      client: 0,
      action: actions[(n * 31) % actions.length]!,
      pick: n % 17,
    }))
    const log = logOf([{ client: 0, action: 'start', pick: 0 }, ...moves], 'kept')
    await applyBatch({ db, name: 'spec', project, readMissing: () => [] }, log)
    const works = await db.selectFrom('unit_of_works').select(['work_id', 'client_id']).execute()
    const { work_id: workId, client_id: clientId } = works[0]!
    const bodyOf = (work_id: unknown) => Buffer.from(JSON.stringify({ data: { work_id, task_id: 'install' } }))
    for (const [deathId, body, queue] of [
      ['of a work', bodyOf(workId), commandQueue],
      ['of none that is known', bodyOf('elsewhere'), commandQueue],
      ['of what can be none', bodyOf('\0'), commandQueue],
      ['of others', bodyOf(workId), 'knowledge.events'],
    ] as const)
      await keepDeadLetter(db, letterOf({ deathId, body, queue, properties: { messageId: deathId, headers: {} } }))
    const kept = (await rows()).map(({ message_id, client_id }) => [message_id, client_id])
    expect(kept).to.have.deep.members([
      ['of a work', clientId],
      ['of none that is known', null],
      ['of what can be none', null],
      ['of others', null],
    ])
    const [stopping, ...more] = await openLettersOf(db, [clientId], { queues: [commandQueue], types: [] })
    expect([stopping?.client_id, more]).to.deep.equal([clientId, []])
  })

  it('has all letters that come at once, in few transactions, and only the one that cannot be kept is missing', async () => {
    const { db, rows, keep, retry } = await setup()
    const known = await keep({ deathId: 'known' })
    await retry(known)
    const keepOne = createKeepDeadLetter(db)
    const failed = {
      command_id: 'c-1',
      command_type: null,
      status: 'failed' as const,
      stream: null,
      revision: null,
      events: [],
      error: null,
    }
    const outcomes = await Promise.allSettled([
      ...Array.from({ length: 60 }, (_, n) => keepOne(letterOf({ deathId: `death ${n}` }))),
      keepOne(letterOf({ deathId: 'death 0' })), // a repeat
      keepOne(letterOf({ deathId: 'again', retried: { id: known, retry: 1 } })),
      ...['one', 'other'].map((deathId) =>
        keepOne(letterOf({ deathId }), { id: failed.command_id, type: null, failed }),
      ),
      keepOne(letterOf({ deathId: 'bad', attempts: 0.5 })),
    ])
    expect(outcomes.map(({ status }) => status).filter((status) => status === 'rejected')).to.have.length(1)
    expect(outcomes.at(-1)!.status).to.equal('rejected')
    const all = await rows()
    expect(all).to.have.length(1 + 60 + 2)
    expect(all.find(({ id }) => id === known)).to.include({ state: 'open', retries: 1 })
    const commands = await db.selectFrom('commands').select(['command_id', 'status']).execute()
    expect(commands).to.deep.equal([{ command_id: 'c-1', status: 'failed' }])
  })

  it('takes a retry that died again into the same row, once', async () => {
    const { keep, rows, retry } = await setup()
    const id = await keep()
    await retry(id)
    const again = { retried: { id, retry: 1 }, code: 'event/invalid', lastAt: new Date('2026-01-27T11:00:00Z') }
    await keep(again)
    await keep(again)
    const [row, ...others] = await rows()
    expect(others).to.deep.equal([])
    expect(row).to.deep.include({
      state: 'open',
      attempts: 2,
      code: 'event/invalid',
      last_at: '2026-01-27T11:00:00.000Z',
    })
    expect(row?.first_at).to.equal('2026-01-27T10:00:00.000Z')
    expect(row?.tries).to.deep.equal([
      {
        retry: 0,
        reason: 'malformed',
        code: 'json/unreadable',
        message: 'The body is not JSON',
        service: 'notifier',
        at: '2026-01-27T10:00:00.000Z',
      },
    ])
  })

  it('takes a mark that names nothing for an ordinary header', async () => {
    const { keep, rows } = await setup()
    await keep({ retried: { id: '2f6f1a0e-8f0c-4b69-9a43-5a0f2a8f3b11', retry: 1 } })
    expect(await rows()).to.have.length(1)
  })

  it('closes a retry that was settled, and no other', async () => {
    const { db, keep, rows, retry } = await setup()
    const id = await keep()
    const close = (n: number) => resolveRetried(db, [{ id, retry: n }], 'notifier')
    const state = async () => (await rows())[0]?.state
    await close(0)
    expect(await state()).to.equal('open')
    await retry(id)
    await close(2)
    expect(await state()).to.equal('retrying')
    await close(1)
    await close(1)
    expect(await state()).to.equal('resolved')
    expect((await rows())[0]?.closed_at).to.be.a('string')
    const actions = await db.selectFrom('dead_letter_actions').selectAll().execute()
    expect(actions.map(({ dead_letter_id, action, actor }) => [dead_letter_id, action, actor])).to.deep.equal([
      [id, 'resolve', { type: 'system', id: 'notifier' }],
    ])
  })

  it('closes the retried task that has led to a result', async () => {
    const { db, keep, rows, retry } = await setup()
    const properties = { messageId: 'work-1:install:1', headers: {} }
    await retry(await keep({ queue: 'tasks.install', properties }))
    await resolveTasks(db, ['work-1:install:2'], 'saga-processor')
    expect((await rows())[0]?.state).to.equal('retrying')
    await resolveTasks(db, ['work-1:install:1'], 'saga-processor')
    expect((await rows())[0]?.state).to.equal('resolved')
  })
})
