import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { sql } from 'kysely'
import { masterKeysOf, noClient, openBytes, sealBytes, type DataKey } from '@journey/contracts'
import { withReadModel } from '../testing/database.js'
import { eraseClient, requestErasure } from './erase.js'
import { keyCounts, rewrapKeys } from './rewrap.js'
import { createVault } from './vault.js'

const newKey = () => randomBytes(32).toString('base64')
const by = { type: 'user', id: 'dana' }

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => (error as { code?: unknown }).code,
  )

describe('the data keys', function () {
  this.timeout(60_000)
  const database = withReadModel()

  const setup = async () => {
    const { db } = database()
    await sql`truncate data_keys, erasures`.execute(db)
    const key = newKey()
    const masterKeys = masterKeysOf({ key, old: [] })
    const clock = { now: 0 }
    const process = (keys = masterKeys) => createVault({ db, masterKeys: keys, rememberMs: 200, now: () => clock.now })
    const erase = async (clientId: string) => {
      const id = crypto.randomUUID()
      await requestErasure(db, { id, clientId, reason: 'asked for it', by })
      return eraseClient(db, { id, clientId, by })
    }
    const idOf = async (vault = process(), client = 'a', options?: { renew: boolean }) => {
      const found = (await vault.keysFor([client], options)).get(client)
      return found === 'erased' ? found : found?.id
    }
    return { db, key, masterKeys, clock, process, erase, idOf }
  }

  it('are made once for each client, however many processes want one at once', async () => {
    const { db, process } = await setup()
    const clients = Array.from({ length: 20 }, (_, n) => `client-${n}`)
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => process().keysFor([...clients].sort(() => Math.random() - 0.5))),
    )
    for (const client of clients)
      expect(new Set(answers.map((keys) => (keys.get(client) as DataKey).id)), client).to.have.length(1)
    expect((await db.selectFrom('data_keys').selectAll().execute()).length).to.equal(clients.length)
  })

  it('lie in the table under the master key only', async () => {
    const { db, process } = await setup()
    const key = (await process().keysFor(['a'])).get('a') as DataKey
    const row = await db.selectFrom('data_keys').selectAll().executeTakeFirstOrThrow()
    expect(row.wrapped!.includes(key.seal) || row.wrapped!.includes(key.nonce)).to.equal(false)
    await sql`update data_keys set client_id = 'b'`.execute(db)
    expect(await codeOf(process().keysFor(['b'])), 'a key put into another row').to.equal('privacy/key_damaged')
  })

  it('of a client that was erased are gone, and none is made by a writer that comes late', async () => {
    const { clock, process, erase, idOf } = await setup()
    const other = process()
    const before = await idOf(other)
    expect((await erase('a'))?.removed).to.include({ data_keys: 1 })
    expect(await idOf()).to.equal('erased')
    expect(await idOf(other), 'remembered for a while').to.equal(before)
    clock.now += 10_001
    expect(await idOf(other)).to.equal('erased')
    expect((await other.keysById([before!])).get(before!)).to.equal('destroyed')
    await erase('never-seen')
    expect(await idOf(process(), 'never-seen')).to.equal('erased')
  })

  it('begin anew with a new journey only, and what was sealed before stays closed', async () => {
    const { process, erase, idOf } = await setup()
    const before = await idOf()
    await erase('a')
    const witness = process()
    expect(await idOf(witness)).to.equal('erased')
    const vaults = Array.from({ length: 5 }, () => process())
    const renewed = new Set(await Promise.all(vaults.map((vault) => idOf(vault, 'a', { renew: true }))))
    expect(renewed.size).to.equal(1)
    expect(renewed.has(before)).to.equal(false)
    expect(await idOf(witness), 'known to everybody at once').to.equal([...renewed][0])
    const vault = process()
    expect(await idOf(vault)).to.equal([...renewed][0])
    expect((await vault.keysById([before!])).get(before!)).to.equal('destroyed')
    expect([...(await vault.erasedAmong(['a', 'b']))]).to.deep.equal(['a'])
    expect(await idOf(vault, 'a', { renew: true }), 'a living key is not renewed').to.equal([...renewed][0])
  })

  it('are either made or destroyed when both are tried at once, and then stay so', async () => {
    const { process, erase, idOf } = await setup()
    for (let round = 0; round < 15; round += 1) {
      const client = `racing-${round}`
      await Promise.all([
        ...Array.from({ length: 4 }, () => process().keysFor([client])),
        erase(client),
        ...Array.from({ length: 4 }, () => process().keysFor([client])),
      ])
      expect(await idOf(process(), client), client).to.equal('erased')
    }
  })

  it('are wrapped anew while they are used, in parts, and then need the former master key no more', async () => {
    const { db, key, masterKeys, process } = await setup()
    const clients = Array.from({ length: 25 }, (_, n) => `client-${n}`)
    const before = await process().keysFor(clients)
    const next = newKey()
    const both = masterKeysOf({ key: next, old: [key] })
    const alone = masterKeysOf({ key: next, old: [] })
    expect(await codeOf(process(alone).keysFor(clients))).to.equal('privacy/master_key_unknown')
    expect(await codeOf(process(alone).check())).to.equal('privacy/master_key_unknown')
    expect((await process(both).keysFor(['client-3'])).get('client-3')).to.deep.equal(before.get('client-3'))
    expect(await rewrapKeys(db, both, 10)).to.deep.equal({ rewrapped: 10, left: 15 })
    await Promise.all([rewrapKeys(db, both, 10), rewrapKeys(db, both, 10)])
    expect((await rewrapKeys(db, both, 10)).left).to.equal(0)
    expect(await process(alone).keysFor(clients)).to.deep.equal(before)
    expect([...(await keyCounts(db)).byMasterKey]).to.deep.equal([[alone.current.id, 25]])
    expect(await codeOf(process(masterKeys).check()), 'the former one alone').to.equal('privacy/master_key_unknown')
  })

  it('are missed as soon as no master key is set, and not before anything was sealed', async () => {
    const { db, process } = await setup()
    const inClear = () => createVault({ db, masterKeys: undefined })
    expect([...(await inClear().keysFor(['a']))]).to.deep.equal([])
    expect(await inClear().check()).to.contain('nothing is sealed')
    const key = (await process().keysFor([noClient])).get(noClient) as DataKey
    expect(openBytes(key, sealBytes(key, Buffer.from('x'), 'y'), 'y').toString()).to.equal('x')
    expect(await codeOf(inClear().keysFor(['a']))).to.equal('privacy/key_missing')
    expect(await codeOf(inClear().check())).to.equal('privacy/key_missing')
    expect(await codeOf(Promise.resolve().then(() => inClear().keysById([key.id])))).to.equal('privacy/key_missing')
  })
})
