import { manifestsIn, openStorage, type Storage } from '@journey/archive'
import { testEventStore } from '@journey/embedded/testing'
import { createEventStore, type EventStore } from '@journey/event-store'
import { anEvent, freshStream } from '@journey/event-store/testing'
import { eventually } from '@journey/messaging/testing'
import { silentLog, unavailable } from '@journey/runtime'
import { expect } from 'chai'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { withHouse, type House } from '../testing/house.js'
import { archiveKeeper } from './keeper.js'

let store: EventStore
let node: Awaited<ReturnType<typeof testEventStore>>

const ask = async ({ app }: House, method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object) => {
  const answer = await app.inject({
    ...{ method, url: `/api/v1/archive${url}` },
    headers: { 'x-actor': 'dana' },
    ...(payload && { payload }),
  })
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() }
}

const withArchive = async (use: (house: House, storage: Storage) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'journey-archive-'))
  const storage = openStorage(pathToFileURL(folder).href)
  try {
    await withHouse((house) => use(house, storage), { archive: storage })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const keeping = async (house: House, storage: Storage, use: () => Promise<void>): Promise<void> => {
  const keeper = archiveKeeper({ db: house.db, store, storage, afterDays: 30, now: () => new Date(), log: silentLog() })
  await keeper.start()
  try {
    await use()
  } finally {
    await keeper.stop()
  }
}

/** The keeper waits 5 s for a place that is away. */
const patienceMs = 30_000

const ended = (house: House, id: unknown) =>
  eventually(
    `the end of job ${String(id)}`,
    async () => {
      const { body } = await ask(house, 'GET', `/jobs/${String(id)}`)
      return body.state !== 'running' && body
    },
    patienceMs,
  )

/** The keeper's daily job may still be at it. */
const started = async (house: House, job: object) => {
  const { status, body } = await eventually(
    'the archive to be free',
    async () => {
      const answer = await ask(house, 'POST', '/jobs', job)
      return answer.status !== 409 && answer
    },
    patienceMs,
  )
  expect(status).to.equal(202)
  return body
}

describe('the archive over HTTP', () => {
  before(async () => {
    node = await testEventStore()
    store = createEventStore({ url: node.url, log: silentLog() })
  })
  after(async () => {
    await store.stop()
    await node.stop()
  })

  it('says that it is not configured where no address is set', () =>
    withHouse(async (house) => {
      for (const [method, url, body] of [
        ['GET', '', undefined],
        ['POST', '/jobs', { kind: 'run' }],
      ] as const)
        expect((await ask(house, method, url, body)).body.code, url).to.equal('archive/not_configured')
    }))

  it('is run, listed, verified and restored', () =>
    withArchive((house, storage) =>
      keeping(house, storage, async () => {
        await store.append(freshStream('journey'), 'no_stream', [anEvent(), anEvent()])
        const run = await ended(house, (await started(house, { kind: 'run', older_than_days: 0 })).id)
        expect(run).to.deep.include({ kind: 'run', state: 'completed', requested_by: { type: 'user', id: 'dana' } })
        const { events } = run.result as { events: number }
        const { items } = (await ask(house, 'GET', '?category=journey')).body as {
          items: { categories: { journey: number } }[]
        }
        expect(items.at(-1)?.categories.journey).to.be.at.least(2)
        const verified = await ended(house, (await started(house, { kind: 'verify' })).id)
        expect(verified.result).to.deep.include({ events, problems: [] })
        const restored = await ended(house, (await started(house, { kind: 'restore', category: 'journey' })).id)
        expect(restored).to.deep.include({ state: 'completed', error: null })
      }),
    ))

  it('is brought up to date each day without being asked', () =>
    withArchive((house, storage) =>
      keeping(house, storage, async () => {
        const job = await eventually(
          'the daily job',
          async () => {
            const [latest] = (await ask(house, 'GET', '/jobs')).body.items as { state: string }[]
            return latest?.state === 'completed' && latest
          },
          patienceMs,
        )
        expect(job).to.deep.include({
          kind: 'run',
          requested_by: { type: 'system', id: 'api' },
          result: { events: 0, segments: 0 }, // nothing here is 30 days old
        })
      }),
    ))

  it('does one job at a time, and lets it be cancelled', () =>
    withArchive(async (house) => {
      const job = await started(house, { kind: 'verify', from: '2026-01-01' })
      const other = await ask(house, 'POST', '/jobs', { kind: 'run' })
      expect([other.status, other.body.code]).to.deep.equal([409, 'archive/another_under_way'])
      const cancel = async () => {
        const { status, body } = await ask(house, 'DELETE', `/jobs/${String(job.id)}`)
        return [status, body.state ?? body.code]
      }
      expect(await cancel()).to.deep.equal([200, 'cancelled'])
      expect(await cancel()).to.deep.equal([409, 'archive/job_ended'])
      expect((await ask(house, 'GET', '/jobs/1')).body.code).to.equal('archive/job_unknown')
    }))

  it('takes up a job that a killed instance left, and waits for a place that is away', () =>
    withArchive(async (house, storage) => {
      const job = await started(house, { kind: 'run', older_than_days: 0 })
      await store.append(freshStream('journey'), 'no_stream', [anEvent()])
      let failures = 1
      const away: Storage = {
        ...storage,
        put: (key, body) =>
          failures-- > 0 ? Promise.reject(unavailable('archive/away', 'no way there')) : storage.put(key, body),
      }
      await keeping(house, away, async () => {
        expect(await ended(house, job.id)).to.deep.include({ state: 'completed', error: null })
      })
      let segments = 0
      for await (const _ of manifestsIn(storage)) segments++
      expect(segments).to.be.at.least(1)
    }))

  it('names what is wrong with a request', () =>
    withArchive(async (house) => {
      const wrong = async (body: object) => {
        const answer = await ask(house, 'POST', '/jobs', body)
        return [answer.status, (answer.body.errors as { field: string }[])[0]?.field]
      }
      expect(await wrong({ kind: 'burn' })).to.deep.equal([422, 'kind'])
      expect(await wrong({ kind: 'run', older_than_days: -1 })).to.deep.equal([422, 'older_than_days'])
      expect(await wrong({ kind: 'run', from: '2026-01-01' })).to.deep.equal([422, 'from'])
      expect(await wrong({ kind: 'verify', from: 'yesterday' })).to.deep.equal([422, 'from'])
    }))
})
