import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { sql } from 'kysely'
import { silentLog } from '@journey/runtime'
import { createDatabase, type Database } from '../database.js'
import { testReadModel } from '../testing/database.js'
import { hearDeliveries } from './hear.js'
import { storeDelivery, type NewDelivery } from './store.js'

const delivery = (state: NewDelivery['state']): NewDelivery => ({
  deliveryId: randomUUID(),
  eventId: randomUUID(),
  channel: 'crm',
  target: '',
  eventType: 'journey.completed',
  clientId: 'client-1',
  payload: { timestamp: '2026-01-27T10:30:00.000Z' },
  state,
})

describe('who hears of deliveries', () => {
  /** Counts what is heard, until `use` is over. */
  const hearing = async (use: (db: Database['db'], heard: (times: number) => Promise<void>) => Promise<void>) => {
    const own = await testReadModel()
    const database = createDatabase({ url: own.url, name: 'spec', log: silentLog() })
    const stopping = new AbortController()
    let times = 0
    let tell: () => void = () => undefined
    const hearer = hearDeliveries({
      url: own.url,
      name: 'spec listener',
      heard: () => {
        times++
        tell()
      },
      log: silentLog(),
      signal: stopping.signal,
    })
    try {
      await use(database.db, async (wanted) => {
        while (times < wanted) await new Promise<void>((resolve) => (tell = resolve))
        expect(times).to.equal(wanted)
      })
    } finally {
      stopping.abort()
      await hearer
      await database.stop()
      await own.drop()
    }
  }

  it('hears of each that is to be sent, once, and of none that is not', () =>
    hearing(async (db, heard) => {
      await heard(1) // listening
      const [first, second] = [delivery('pending'), delivery('pending')]
      expect(await storeDelivery(db, first)).to.equal(true)
      await heard(2)
      expect(await storeDelivery(db, first)).to.equal(false)
      expect(await storeDelivery(db, delivery('disabled'))).to.equal(true)
      expect(await storeDelivery(db, second)).to.equal(true)
      await heard(3)
    }))

  it('listens again after a lost connection, and looks then for what it did not hear of', () =>
    hearing(async (db, heard) => {
      await heard(1)
      await sql`select pg_terminate_backend(pid) from pg_stat_activity
                where application_name = 'spec listener' and datname = current_database()`.execute(db)
      await heard(2)
      await storeDelivery(db, delivery('pending'))
      await heard(3)
    }))
})
