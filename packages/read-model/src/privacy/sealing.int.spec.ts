import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { sql, type Kysely } from 'kysely'
import { announce, outcomesOf } from '../commands/queries.js'
import { settle } from '../commands/outcomes.js'
import { attemptNextDelivery } from '../deliveries/attempt.js'
import { storeDelivery } from '../deliveries/store.js'
import { deadLetterGroups, deadLetterOf, findDeadLetters } from '../dead-letters/queries.js'
import { keepDeadLetter } from '../dead-letters/keep.js'
import { beginRetry, editDeadLetter } from '../dead-letters/retrying.js'
import { admitWaiting, requestAdmissions } from '../admissions/admissions.js'
import { dispatchWaiting, storeDispatches } from '../dispatches/dispatches.js'
import { project } from '../projection/project.js'
import { emptied, withReadModel } from '../testing/database.js'
import { logOf, actions } from '../testing/histories.js'
import { letterOf } from '../testing/letters.js'
import { actualRows } from '../testing/rows.js'
import type { Tables } from '../tables.js'
import { content, contentOf, type SealedTable } from './content.js'
import { eraseClient, requestErasure } from './erase.js'

const secret = 'geheim-abcd'
const by = { type: 'user', id: 'dana' }
const tables = Object.keys(content) as SealedTable[]

/** Every table as PostgreSQL would dump it. */
const dump = async (db: Kysely<Tables>): Promise<string> => {
  const texts = await Promise.all(
    tables.map(async (table) => {
      const { rows } = await sql<{ text: string }>`select t::text as text from ${sql.table(table)} t`.execute(db)
      return rows.map(({ text }) => `${table} ${text}`).join('\n')
    }),
  )
  return texts.join('\n')
}

const erase = async (db: Kysely<Tables>, clientId: string) => {
  const id = crypto.randomUUID()
  await requestErasure(db, { id, clientId, reason: 'asked for it', by })
  return eraseClient(db, { id, clientId, by })
}

describe('a row with content', function () {
  this.timeout(60_000)
  const database = withReadModel({ encryption: { key: randomBytes(32).toString('base64'), old: [] } })

  const setup = async () => {
    const { db } = database()
    await emptied(db)
    await sql`truncate data_keys`.execute(db)
    return db
  }
  // Keys are remembered, so each spec has a client of its own.
  const client = () => `client-${randomBytes(4).toString('hex')}`

  it('is named, column by column, wherever a table can hold JSON', async () => {
    const db = await setup()
    const { rows } = await sql<{ table_name: SealedTable; column_name: string }>`
      select table_name, column_name from information_schema.columns
      where data_type in ('json', 'jsonb', 'bytea') and column_name <> 'sealed' and table_schema = current_schema()
        and table_name = any(${tables}::text[])`.execute(db)
    for (const { table_name, column_name } of rows)
      expect(contentOf(table_name).columns, table_name).to.have.property(column_name)
    expect(rows.length).to.be.greaterThan(15)
  })

  it('of a dead letter, an answer, a webhook, a task or a unit of work is read as it was, and lies sealed', async () => {
    const db = await setup()
    const id = client()
    const body = Buffer.from(JSON.stringify({ event_type: 'journey.started', data: { client_id: id, reason: secret } }))
    await keepDeadLetter(db, letterOf({ body, message: `because of ${secret} 17` }))
    const error = { code: 'journey/held', message: secret, details: [{ field: secret, code: 'x', message: secret }] }
    const answer = { command_id: 'c-1', command_type: 'journey.promote', stream: null, revision: null, events: [] }
    await settle(db, { ...answer, status: 'rejected', error, about: `journey-${id}` })
    await announce(db, { commandId: 'c-2', commandType: 'x', digest: 'd', correlationId: 'r', source: 's' })
    const payload = { z: 1, reason: secret, a: 2 }
    const deliveryId = crypto.randomUUID()
    await storeDelivery(db, {
      deliveryId,
      eventId: crypto.randomUUID(),
      channel: 'crm',
      target: 't',
      eventType: 'x',
      clientId: id,
      payload,
      state: 'pending',
    })
    const command = {
      id: 'w-1',
      type: 'unit_of_work.create',
      correlationId: 'r',
      causationId: 'e',
      data: { stage: 'sandbox', parameters: { reason: secret }, inputs: { users: [secret] } },
    }
    await requestAdmissions(db, [{ workId: 'w-1', clientId: id, kind: 'setup', command }])
    const dispatch = {
      workId: 'w-1',
      taskId: 't-1',
      attempt: 1,
      clientId: id,
      stage: 'sandbox',
      intent: 'i',
      targetAgent: null,
      failedAgent: null,
      token: 'k',
      timeoutMs: 1_000,
      input: { reason: secret },
      correlationId: 'r',
    }
    await storeDispatches(db, [dispatch])

    expect(await dump(db))
      .to.not.contain(secret)
      .and.not.contain(Buffer.from(secret).toString('hex'))

    const [entry] = await findDeadLetters(db, { limit: 5 })
    expect(entry!.message).to.equal(`because of ${secret} 17`)
    expect((await deadLetterGroups(db, { limit: 5 })).map(({ message }) => message)).to.deep.equal([
      `because of ${secret} <n>`,
    ])
    const { row } = (await deadLetterOf(db, entry!.id))!
    expect(row.body.equals(body)).to.equal(true)
    const mended = Buffer.from(JSON.stringify({ data: { client_id: id, reason: `${secret}, mended` } }))
    await editDeadLetter(
      db,
      entry!.id,
      { body: mended, commandId: 'c-9', type: 'x', clientId: id },
      { actor: by, reason: null },
    )
    const retry = await beginRetry(db, entry!.id, { actor: by, reason: null })
    expect('done' in (retry as object) && (retry as { done: { body: Buffer } }).done.body.equals(mended)).to.equal(true)
    expect((await outcomesOf(db, ['c-1'])).get('c-1')?.answer.error).to.deep.equal(error)
    const seen: unknown[] = []
    await attemptNextDelivery(db, 'crm', 't', (due) => {
      seen.push(JSON.stringify(due.payload))
      return Promise.resolve({ do: 'leave', forMs: 1 })
    })
    expect(seen).to.deep.equal([JSON.stringify(payload)])
    const sent: unknown[] = []
    await admitWaiting(db, 5, (one) => Promise.resolve(void sent.push(one)))
    expect(sent).to.deep.equal([command])
    await dispatchWaiting(
      db,
      5,
      (one) => {
        sent.push(one)
        return Promise.resolve({ waitsFor: 'agent' })
      },
      () => Promise.resolve(),
    )
    expect(sent[1]).to.deep.equal({ ...dispatch, parameters: { reason: secret } })
    expect(await dump(db)).to.not.contain(secret)
  })

  it('opens in its own row only', async () => {
    const db = await setup()
    const id = client()
    const answer = { command_type: 'x', stream: null, revision: null, events: [], status: 'rejected' as const }
    for (const command_id of ['c-1', 'c-2'])
      await settle(db, {
        ...answer,
        command_id,
        error: { code: 'c', message: command_id, details: [] },
        about: `journey-${id}`,
      })
    await sql`update commands set sealed = (select sealed from commands where command_id = 'c-1') where command_id = 'c-2'`.execute(
      db,
    )
    expect((await outcomesOf(db, ['c-1'])).get('c-1')?.answer.error?.message).to.equal('c-1')
    const code = await outcomesOf(db, ['c-2']).then(
      () => 'opened',
      (error: unknown) => (error as { code: string }).code,
    )
    expect(code).to.equal('privacy/tampered')
  })

  it('cannot be read by halves', async () => {
    const db = await setup()
    await settle(db, {
      command_id: 'c-1',
      command_type: 'x',
      stream: null,
      revision: null,
      events: [],
      status: 'rejected',
      error: { code: 'c', message: 'm', details: [] },
    })
    const halves = await db
      .selectFrom('commands')
      .select('error')
      .execute()
      .then(
        () => 'read',
        (error: unknown) => (error as Error).name,
      )
    expect(halves).to.equal('TypeError')
  })

  it('keeps its skeleton when its client is erased, in every table, also where it was stored in clear', async () => {
    const db = await setup()
    const log = logOf(
      Array.from({ length: 120 }, (_, n) => ({ client: 0, action: actions[n % actions.length]!, pick: n })),
      client(),
    )
    await db.transaction().execute((transaction) => project(transaction, log))
    const [{ client_id: id } = { client_id: '' }] = await db.selectFrom('journey_states').select('client_id').execute()
    await sql`update journey_states set status = 'cancelled', profile = ${JSON.stringify({ users: [secret] })}, sealed = null`.execute(
      db,
    )
    await keepDeadLetter(db, letterOf({ body: Buffer.from(JSON.stringify({ data: { client_id: id } })) }))
    await storeDelivery(db, {
      deliveryId: crypto.randomUUID(),
      eventId: crypto.randomUUID(),
      channel: 'crm',
      target: 't',
      eventType: 'x',
      clientId: id,
      payload: { reason: secret },
      state: 'pending',
    })
    const before = await actualRows(db)
    const removed = (await erase(db, id))?.removed
    expect(removed).to.include({ journey_states: 1, dead_letters: 1, deliveries: 1 })
    const after = await actualRows(db)
    for (const table of Object.keys(before) as (keyof typeof before)[])
      expect(after[table].length, table).to.equal(before[table].length)
    const { rows } = await sql<{
      sealed: number
    }>`select count(*) as sealed from journey_events where sealed is not null`.execute(db)
    expect(rows[0]!.sealed).to.equal(0)
    expect(await dump(db)).to.not.contain(secret)
    expect((await db.selectFrom('deliveries').select('state').execute())[0]!.state).to.equal('disabled')
    expect((await findDeadLetters(db, { limit: 5 })).map(({ state, message }) => [state, message])).to.deep.equal([
      ['discarded', 'redacted'],
    ])
    expect((await erase(db, id))?.removed, 'a second time').to.include({ data_keys: 0, journey_states: 0 })
  })

  it('is refused to go while the journey is under way, or when nobody asked for it in time', async () => {
    const db = await setup()
    const log = logOf([{ client: 0, action: actions[0]!, pick: 0 }], client())
    await db.transaction().execute((transaction) => project(transaction, log.slice(0, 1)))
    const [{ client_id: id } = { client_id: '' }] = await db.selectFrom('journey_states').select('client_id').execute()
    const code = await erase(db, id).then(
      () => 'erased',
      (error: unknown) => (error as { code: string }).code,
    )
    expect(code).to.equal('privacy/journey_active')
    await sql`update journey_states set status = 'completed'`.execute(db)
    await sql`update erasures set requested_at = now() - interval '16 minutes'`.execute(db)
    const { id: late } = await db.selectFrom('erasures').select('id').executeTakeFirstOrThrow()
    expect(await eraseClient(db, { id: late, clientId: id, by })).to.equal(undefined)
    expect(await eraseClient(db, { id: crypto.randomUUID(), clientId: id, by })).to.equal(undefined)
  })
})
