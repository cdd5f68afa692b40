import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql, type Kysely } from 'kysely'
import { dataKeyOf, unwrap, wrap, type DataKey, type MasterKeys, type KeyOwner, type Vault } from '@journey/contracts'
import { unavailable } from '@journey/runtime'
import type { Tables } from '../tables.js'
import type { DataKeyRow } from './table.js'

/**
 * The data keys of the table `data_keys`. They are made and destroyed by their rows, so that however many processes race, a
 * client has one key, and a destroyed one is not made again.
 *
 * @param masterKeys undefined: nothing is sealed, and if anything ever was, nothing is written or read that should be
 * @param rememberMs how long a key is used without looking whether it was destroyed
 */
export const createVault = ({
  db,
  masterKeys,
  rememberMs = 10_000,
  now = () => performance.now(),
}: {
  db: Kysely<Tables>
  masterKeys: MasterKeys | undefined
  rememberMs?: number
  now?: () => number
}): Vault => (masterKeys ? sealing(db, masterKeys, rememberMs, now) : inClear(db, rememberMs, now))

type Row = Pick<DataKeyRow, 'client_id' | 'generation' | 'key_id' | 'wrapped' | 'master_key_id'>
const columns = ['client_id', 'generation', 'key_id', 'wrapped', 'master_key_id'] as const

/** What is known of an owner: the latest key, if there ever was one, and whether any was destroyed. */
type Standing = { key: DataKey | 'erased' | undefined; wasErased: boolean }

const sealing = (db: Kysely<Tables>, masterKeys: MasterKeys, rememberMs: number, now: () => number): Vault => {
  const standings = new Remembered<Standing>(rememberMs, now)
  const byId = new Remembered<DataKey | 'destroyed'>(rememberMs, now)

  const keyOf = ({ client_id, generation, key_id, wrapped, master_key_id }: Row): DataKey | undefined => {
    if (wrapped === null || master_key_id === null) return undefined
    const master = masterKeys.known.get(master_key_id)
    if (!master) throw unknownMasterKey([master_key_id])
    return dataKeyOf(key_id, unwrap(master, wrapped, contextOf(client_id, generation, key_id)))
  }

  const look = async (owners: readonly KeyOwner[]): Promise<Map<KeyOwner, Standing>> => {
    const rows = await db
      .selectFrom('data_keys')
      .select(columns)
      .distinctOn('client_id')
      .where('client_id', '=', sql<string>`any(${owners}::text[])`)
      .orderBy('client_id')
      .orderBy('generation', 'desc')
      .execute()
    const found = new Map<KeyOwner, Standing>(owners.map((owner) => [owner, { key: undefined, wasErased: false }]))
    for (const row of rows) {
      const key = keyOf(row)
      byId.set(row.key_id, key ?? 'destroyed')
      found.set(row.client_id, { key: key ?? 'erased', wasErased: key === undefined || row.generation > 1 })
    }
    // That a client is erased is looked up each time: a new journey gives it a key, and whoever did not know would drop content.
    for (const [owner, standing] of found) if (standing.key !== 'erased') standings.set(owner, standing)
    return found
  }

  const standingsOf = async (owners: readonly KeyOwner[]): Promise<Map<KeyOwner, Standing>> => {
    const remembered = owners.map((owner) => [owner, standings.get(owner)] as const)
    const unknown = remembered.flatMap(([owner, standing]) => (standing ? [] : [owner]))
    const looked = unknown.length > 0 ? await look(unknown) : new Map<KeyOwner, Standing>()
    return new Map(remembered.map(([owner, standing]) => [owner, standing ?? looked.get(owner)!]))
  }

  /** Makes the first key of each, or the one after a destroyed one; where another process was first, its key stays. */
  const make = async (owners: readonly (readonly [KeyOwner, generation: number])[]): Promise<void> => {
    const rows = owners.map(([owner, generation]) => {
      const id = randomBytes(8).toString('hex')
      const wrapped = wrap(masterKeys.current, randomBytes(32), contextOf(owner, generation, id))
      return { client_id: owner, generation, key_id: id, wrapped, master_key_id: masterKeys.current.id }
    })
    const inOrder = rows.sort((a, b) => (a.client_id < b.client_id ? -1 : 1)) // so that two never wait for each other
    await db
      .insertInto('data_keys')
      .values(inOrder)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }

  /** Keys for the moment: what is sealed with one opens here while it is remembered, and nowhere else. */
  const fleeting = (owners: readonly KeyOwner[]): Map<KeyOwner, Standing> =>
    new Map(
      owners.map((owner) => {
        const id = randomBytes(8).toString('hex')
        const key = dataKeyOf(id, randomBytes(32))
        byId.set(id, key)
        return [owner, { key, wasErased: false }]
      }),
    )

  /** Waits until every process has forgotten the former key: what one of them sealed with it would be lost. */
  const renew = async (owners: readonly KeyOwner[]): Promise<void> => {
    const rows = await db
      .selectFrom('data_keys')
      .select(['client_id', sql<number>`max(generation)`.as('generation')])
      .select(sql<number>`(extract(epoch from now() - max(destroyed_at)) * 1000)::float8`.as('destroyedForMs'))
      .where('client_id', '=', sql<string>`any(${owners}::text[])`)
      .groupBy('client_id')
      .having(sql<boolean>`bool_and(destroyed_at is not null)`)
      .execute()
    const waitMs = rememberMs + marginMs - Math.min(...rows.map(({ destroyedForMs }) => destroyedForMs))
    if (waitMs > 0 && rows.length > 0) await sleep(waitMs)
    if (rows.length > 0) await make(rows.map(({ client_id, generation }) => [client_id, generation + 1] as const))
    await look(owners)
  }

  const checked = new Remembered<string>(rememberMs, now)
  const check = async (): Promise<string> => {
    const rows = await db
      .selectFrom('data_keys')
      .select('master_key_id')
      .distinct()
      .where('wrapped', 'is not', null)
      .execute()
    const unknown = rows.flatMap(({ master_key_id: id }) => (id !== null && !masterKeys.known.has(id) ? [id] : []))
    if (unknown.length > 0) throw unknownMasterKey(unknown)
    const note = `on, with master key ${masterKeys.current.id}`
    checked.set('', note)
    return note
  }

  return {
    seals: true,

    keysFor: async (owners, options) => {
      const all = [...new Set(owners)]
      if (all.length === 0) return new Map()
      if (options?.renew) await renew(all)
      const found = await standingsOf(all)
      const without = all.filter((owner) => found.get(owner)?.key === undefined)
      if (without.length > 0) {
        // Who has a wrong key, or lacks one, makes no further keys: nobody else could read what is sealed with them.
        if (checked.get('') === undefined) await check()
        if (!options?.fleeting) await make(without.map((owner) => [owner, 1] as const))
        const made = options?.fleeting ? fleeting(without) : await look(without)
        for (const [owner, standing] of made) found.set(owner, standing)
      }
      return new Map(
        all.map((owner) => {
          const key = found.get(owner)?.key
          if (key === undefined) throw new Error(`no data key could be made for client ${owner}`)
          return [owner, key]
        }),
      )
    },

    keysById: async (ids) => {
      const remembered = ids.map((id) => [id, byId.get(id)] as const)
      const unknown = remembered.flatMap(([id, key]) => (key ? [] : [id]))
      const looked = new Map<string, DataKey | 'destroyed'>()
      if (unknown.length > 0) {
        const rows = await db
          .selectFrom('data_keys')
          .select(columns)
          .where('key_id', '=', sql<string>`any(${unknown}::text[])`)
          .execute()
        for (const row of rows) looked.set(row.key_id, keyOf(row) ?? 'destroyed')
        for (const [id, key] of looked) byId.set(id, key)
      }
      return new Map(
        remembered.map(([id, known]) => {
          const key = known ?? looked.get(id)
          if (!key)
            throw unavailable(
              'privacy/key_damaged',
              `Something was sealed with the data key ${id}, which is not in data_keys: restore the table from a backup`,
            )
          return [id, key]
        }),
      )
    },

    erasedAmong: async (owners) => {
      const found = await standingsOf([...new Set(owners)])
      return new Set([...found].flatMap(([owner, { wasErased }]) => (wasErased ? [owner] : [])))
    },

    check,
  }
}

/** What was sealed with a key just before it was forgotten is stored by then. */
const marginMs = 1_000

const inClear = (db: Kysely<Tables>, rememberMs: number, now: () => number): Vault => {
  const known = new Remembered<'clear'>(rememberMs, now)
  const check = async (): Promise<void> => {
    if (known.get('')) return
    const { rows } = await sql<{
      hasTable: boolean
    }>`select to_regclass('data_keys') is not null as "hasTable"`.execute(db)
    const any = rows[0]?.hasTable
      ? await db.selectFrom('data_keys').select('key_id').limit(1).executeTakeFirst()
      : undefined
    if (any)
      throw unavailable(
        'privacy/key_missing',
        'Content was sealed before, and JOURNEY_ENCRYPTION_KEY is not set: set it as it was, and nothing is lost',
      )
    known.set('', 'clear')
  }
  const nothing = async () => {
    await check()
    return new Map<string, never>()
  }
  return {
    seals: false,
    keysFor: nothing,
    keysById: () => {
      throw unavailable(
        'privacy/key_missing',
        'What is to be read is sealed, and JOURNEY_ENCRYPTION_KEY is not set: set it as it was',
      )
    },
    erasedAmong: () => Promise.resolve(new Set()),
    check: async () => {
      await check()
      return 'off: JOURNEY_ENCRYPTION_KEY is not set, nothing is sealed'
    },
  }
}

/** What a wrapped key is bound to: no row's key can be put into another's. */
export const contextOf = (owner: KeyOwner, generation: number, keyId: string): string =>
  JSON.stringify(['data key', owner, generation, keyId])

const unknownMasterKey = (ids: readonly string[]) =>
  unavailable(
    'privacy/master_key_unknown',
    `Data keys are wrapped with the master key ${ids.join(', ')}, which is neither JOURNEY_ENCRYPTION_KEY nor one of JOURNEY_ENCRYPTION_KEYS_OLD: add it there`,
  )

/** A bounded memory whose entries count for a while only; the one not asked for longest goes first. */
class Remembered<Value> {
  private readonly entries = new Map<string, { value: Value; until: number }>()

  constructor(
    private readonly forMs: number,
    private readonly now: () => number,
  ) {}

  get(name: string): Value | undefined {
    const entry = this.entries.get(name)
    return entry && entry.until > this.now() ? entry.value : undefined
  }

  set(name: string, value: Value): void {
    this.entries.delete(name)
    this.entries.set(name, { value, until: this.now() + this.forMs })
    if (this.entries.size > most) this.entries.delete(this.entries.keys().next().value!)
  }
}

/** About 400 bytes each. */
const most = 10_000
