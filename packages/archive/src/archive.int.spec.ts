import { createEventStore, type EventStore } from '@journey/event-store'
import { anEvent, freshStream } from '@journey/event-store/testing'
import { testEventStoreUrl } from '@journey/embedded/testing'
import { codeOf, messageOf, silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { archive, eventsIn, manifestsIn, openStorage, restore, verify, type Source, type Storage } from './index.js'
import { startS3 } from './testing/index.js'

const store = createEventStore({ url: testEventStoreUrl(), log: silentLog() })
after(() => store.stop())

const dayMs = 86_400_000

/**
 * An event store into which one stream was written, day after day: what the real one holds of it, with other times of storing, since
 * no client can choose those.
 */
const agedStore = async (days: readonly string[], perDay: number): Promise<{ stream: string; source: Source }> => {
  const stream = freshStream('journey')
  const events = days.flatMap((day) => Array.from({ length: perDay }, (_, n) => anEvent({ data: { day, n } })))
  await store.append(stream, 'no_stream', events)
  const stored = (await store.read(stream)).map((event, n) => ({
    ...event,
    createdAt: `${days[Math.floor(n / perDay)]!}T10:00:00.000Z`,
  }))
  return {
    stream,
    source: {
      readAll: ({ after, maxCount }) => {
        const rest = stored.filter(({ position }) => after === 'start' || position > after)
        const events = rest.slice(0, maxCount)
        return Promise.resolve({ events, position: events.at(-1)?.position ?? after, isLast: rest.length <= maxCount })
      },
    },
  }
}

const withFolder = async (use: (storage: Storage, folder: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'journey-archive-'))
  try {
    await use(openStorage(pathToFileURL(folder).href), folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const daysOf = async (storage: Storage): Promise<[string, number][]> => {
  const days: [string, number][] = []
  for await (const { day, events } of manifestsIn(storage)) days.push([day, events])
  return days
}

const isArchived = (stream: string): boolean => stream.startsWith('journey-')

describe('archiving', () => {
  it('keeps the events that are old enough, a segment for each day, and none of the younger', () =>
    withFolder(async (storage) => {
      const { source } = await agedStore(['2026-01-01', '2026-01-02', '2026-01-03'], 3)
      const before = new Date('2026-01-03T00:00:00Z')
      expect(await archive({ source, storage, isArchived }, { before })).to.deep.equal({ events: 6, segments: 2 })
      expect(await daysOf(storage)).to.deep.equal([
        ['2026-01-01', 3],
        ['2026-01-02', 3],
      ])
    }))

  it('goes on after what is archived, and archives nothing twice', () =>
    withFolder(async (storage) => {
      const { source } = await agedStore(['2026-01-01', '2026-01-02', '2026-01-03'], 3)
      const until = (day: string) => archive({ source, storage, isArchived }, { before: new Date(day) })
      await until('2026-01-02')
      expect(await until('2026-01-02')).to.deep.equal({ events: 0, segments: 0 })
      expect(await until('2026-01-04')).to.deep.equal({ events: 6, segments: 2 })
      expect((await verify(storage)).problems).to.deep.equal([])
    }))

  it('cut off at any object it writes and begun again, keeps the same as without', () =>
    withFolder(async (whole) => {
      const { source } = await agedStore(['2026-01-01', '2026-01-02'], 4)
      const before = new Date('2026-01-03')
      await archive({ source, storage: whole, isArchived }, { before })
      const objects = 4 // a file and a manifest for each of two days
      for (let cut = 0; cut < objects; cut++)
        await withFolder(async (storage) => {
          let left = cut
          const broken: Storage = {
            ...storage,
            put: (key, body) => (left-- > 0 ? storage.put(key, body) : Promise.reject(new Error('killed'))),
          }
          const killed: unknown = await archive({ source, storage: broken, isArchived }, { before }).catch(
            (error: unknown) => error,
          )
          expect(killed).to.be.instanceOf(Error)
          await archive({ source, storage, isArchived }, { before })
          for await (const manifest of manifestsIn(whole))
            for (const { key } of manifest.files)
              expect((await storage.get(key))?.equals((await whole.get(key))!), key).to.equal(true)
          expect(await daysOf(storage)).to.deep.equal(await daysOf(whole))
        })
    }))

  it('gives an event of an earlier day than the one before it a segment of its own, when the clock was set back', () =>
    withFolder(async (storage) => {
      const { source } = await agedStore(['2026-01-02', '2026-01-01', '2026-01-02'], 1)
      await archive({ source, storage, isArchived }, { before: new Date('2026-01-03') })
      expect(await daysOf(storage)).to.deep.equal([
        ['2026-01-02', 1],
        ['2026-01-01', 1],
        ['2026-01-02', 1],
      ])
      expect((await verify(storage)).problems).to.deep.equal([])
    }))

  it('archives a real event store into S3, event for event', async () => {
    const { access, close } = await startS3()
    try {
      const storage = openStorage('s3://archive/events', access)
      const stream = freshStream('journey')
      await store.append(stream, 'no_stream', [anEvent({ data: { reason: 'größer' } }), anEvent()])
      const own = (name: string) => name === stream
      await archive({ source: store, storage, isArchived: own }, { before: new Date(Date.now() + dayMs) })
      const kept = []
      for await (const manifest of manifestsIn(storage)) kept.push(...(await eventsIn(storage, manifest)))
      expect(kept).to.deep.equal(await store.read(stream))
      expect((await verify(storage)).problems).to.deep.equal([])
    } finally {
      await close()
    }
  })
})

/** An archive of three days, two events each. */
const archived = (
  use: (kept: {
    storage: Storage
    manifests: string[]
    source: Source
    lose: (key: string) => void
    run: (source?: Source) => Promise<{ events: number }>
  }) => Promise<void>,
) =>
  withFolder(async (storage, folder) => {
    const { source } = await agedStore(['2026-01-01', '2026-01-02', '2026-01-03'], 2)
    const run = (from = source) => archive({ source: from, storage, isArchived }, { before: new Date('2026-01-04') })
    await run()
    const manifests = await storage.list('manifests/')
    await use({ storage, manifests, source, run, lose: (key) => rmSync(join(folder, key)) })
  })

const later = { now: () => new Date(Date.now() + dayMs) }
const thrownBy = (work: Promise<unknown>): Promise<unknown> => work.catch((thrown: unknown) => thrown)

describe('an archive that has lost manifests', () => {
  const emptied: Source = { readAll: ({ after }) => Promise.resolve({ events: [], position: after, isLast: true }) }

  for (const [which, lost] of [
    ['first', [0]],
    ['middle', [1]],
    ['first two', [0, 1]],
  ] as const)
    for (const [held, ofLog] of [
      ['the log as it was', (source: Source) => source],
      ['a log that has lost those events since', () => emptied],
    ] as const)
      it(`gets its ${which} again from a run, to the byte, with ${held}`, () =>
        archived(async ({ storage, manifests, lose, run, source }) => {
          const whole = await Promise.all(manifests.map((key) => storage.get(key)))
          for (const n of lost) lose(manifests[n]!)
          expect((await verify(storage)).problems).to.have.length(1)
          expect(await run(ofLog(source))).to.deep.equal({ events: 0, segments: 0 })
          expect(await Promise.all(manifests.map((key) => storage.get(key)))).to.deep.equal(whole)
          expect((await verify(storage, {}, later)).problems).to.deep.equal([])
        }))

  it('gets none for files that are not whole, which a run says once it has archived what is new', () =>
    archived(async ({ storage, manifests, lose, run }) => {
      lose(manifests[0]!)
      const [file] = await storage.list('events/2026-01-01/')
      await storage.put(file!, Buffer.from('no gzip'))
      const { source } = await agedStore(['2026-01-03'], 1) // in the same log, later
      const error = await thrownBy(run(source))
      expect([codeOf(error), messageOf(error)]).to.deep.equal([
        'archive/damaged',
        `${file} is no gzip: bring it back from a copy, or take the archive as lost there`,
      ])
      expect(await daysOf(storage)).to.deep.equal([
        ['2026-01-02', 2],
        ['2026-01-03', 2],
        ['2026-01-03', 1],
      ])
    }))

  it('gets none for files that lack what the log holds', () =>
    withFolder(async (storage, folder) => {
      const { stream, source } = await agedStore(['2026-01-01', '2026-01-02'], 3)
      const other = `journeys-${stream}`
      const two: Source = {
        readAll: async (asked) => {
          const page = await source.readAll(asked)
          return { ...page, events: page.events.map((one) => (one.revision === 1 ? { ...one, stream: other } : one)) }
        },
      }
      const archiving = { source: two, storage, isArchived: (name: string) => name.startsWith('journey') }
      const run = () => archive(archiving, { before: new Date('2026-01-03') })
      await run()
      const [first] = await storage.list('manifests/')
      rmSync(join(folder, first!))
      rmSync(join(folder, (await storage.list('events/2026-01-01/journeys-'))[0]!))
      const error = await thrownBy(run())
      expect(codeOf(error)).to.equal('archive/damaged')
      expect(messageOf(error)).to.contain(other)
      expect(await storage.get(first!)).to.equal(undefined)
    }))

  it('is left as it is where the files are gone as well', () =>
    archived(async ({ storage, manifests, lose, run }) => {
      const [file] = await storage.list('events/2026-01-01/')
      for (const key of [manifests[0]!, file!]) lose(key)
      expect(await run()).to.deep.equal({ events: 0, segments: 0 })
      expect((await verify(storage)).problems[0]).to.match(/begins after position \d+, and nothing is there before it/)
    }))
})

describe('verifying an archive', () => {
  it('finds a byte that was changed', () =>
    archived(async ({ storage }) => {
      const [first] = await storage.list('events/2026-01-01/')
      const body = (await storage.get(first!))!
      body[body.length - 1]! ^= 1
      await storage.put(first!, body)
      const { problems, segments } = await verify(storage)
      expect(segments).to.equal(3)
      expect(problems).to.have.length(1)
      expect(problems[0]).to.match(/2026-01-01.* has another checksum/)
    }))

  it('finds a segment that is gone', () =>
    withFolder(async (storage) => {
      const { source } = await agedStore(['2026-01-01', '2026-01-02', '2026-01-03'], 2)
      await archive({ source, storage, isArchived }, { before: new Date('2026-01-04') })
      const [, second] = await storage.list('manifests/')
      const without: Storage = {
        ...storage,
        list: async (...asked) => (await storage.list(...asked)).filter((key) => key !== second),
      }
      const { problems } = await verify(without, {}, later)
      expect(problems).to.have.length(2)
      expect(problems[1]).to.match(/^events\/2026-01-02\/.* no manifest speaks of it/)
      expect(problems[0]).to.match(/the segment of 2026-01-03 .* begins after position \d+, the one before ends at \d+/)
    }))

  for (const [which, index, problem] of [
    ['first', 0, /begins after position \d+, and nothing is there before it/],
    ['last', -1, /^events\/2026-01-03\/.* no manifest speaks of it/],
  ] as const)
    it(`finds that the ${which} segment is gone`, () =>
      withFolder(async (storage) => {
        const { source } = await agedStore(['2026-01-01', '2026-01-02', '2026-01-03'], 2)
        await archive({ source, storage, isArchived }, { before: new Date('2026-01-04') })
        const gone = (await storage.list('manifests/')).at(index)
        const without: Storage = {
          ...storage,
          list: async (...asked) => (await storage.list(...asked)).filter((key) => key !== gone),
        }
        const { problems, segments } = await verify(without, {}, later)
        expect(segments).to.equal(2)
        expect(problems.some((one) => problem.test(one))).to.equal(true)
      }))

  it('finds a manifest that is no manifest', () =>
    archived(async ({ storage, manifests: [first] }) => {
      await storage.put(first!, Buffer.from('{"format":"journey-archive/9"}'))
      expect((await verify(storage)).problems[0]).to.match(/is no manifest that this version can read/)
    }))

  it('tells of every manifest that cannot be read, and of what else is wrong', () =>
    archived(async ({ storage, manifests: [first, second] }) => {
      await storage.put(first!, Buffer.from('{'))
      await storage.put(second!, Buffer.from('null'))
      const [file] = await storage.list('events/2026-01-03/')
      await storage.put(file!, Buffer.from('no gzip'))
      const { problems, segments } = await verify(storage, {}, later)
      expect(segments).to.equal(1)
      expect(problems).to.have.length(3)
      expect(problems[0]).to.match(/^manifests\/\d+\.json is no JSON/)
      expect(problems[1]).to.match(/^manifests\/\d+\.json is no manifest that this version can read/)
      expect(problems[2]).to.match(/the segment of 2026-01-03 .* has another checksum/)
      expect((await verify(storage, { from: '2026-01-03' })).problems).to.deep.equal(problems)
    }))

  it('takes the files of a run that is under way for no damage, before, while and after it looks', () =>
    archived(async ({ storage, manifests, lose, run }) => {
      lose(manifests[2]!)
      expect((await verify(storage)).problems).to.deep.equal([]) // its manifest is yet to come
      const meanwhile: Storage = {
        ...storage,
        get: async (key) => {
          if (key === manifests[1]) await run()
          return storage.get(key)
        },
      }
      expect((await verify(meanwhile, {}, later)).problems).to.deep.equal([])
    }))
})

describe('restoring an archive', () => {
  /** An event store that has lost one stream: what is asked of that goes to another. */
  const lost = (stream: string, instead: string): Pick<EventStore, 'append' | 'read'> => ({
    append: (name, ...rest) => store.append(name === stream ? instead : name, ...rest),
    read: (name, ...rest) => store.read(name === stream ? instead : name, ...rest),
  })

  it('puts every event back under its id and revision, and marks it as restored', () =>
    withFolder(async (storage) => {
      const { stream, source } = await agedStore(['2026-01-01', '2026-01-02'], 3)
      await archive({ source, storage, isArchived }, { before: new Date('2026-01-03') })
      const target = lost(stream, freshStream('journey'))
      expect(await restore(storage, target)).to.deep.equal({ events: 6, segments: 2 })
      const pick = (events: Awaited<ReturnType<EventStore['read']>>) =>
        events.map(({ id, type, data, revision }) => ({ id, type, data, revision }))
      const restored = await target.read(stream)
      expect(pick(restored)).to.deep.equal(pick(await store.read(stream)))
      expect(restored.every(({ metadata }) => metadata.restored === true)).to.equal(true)
    }))

  it('leaves alone what is there already, so that it may be repeated', () =>
    withFolder(async (storage) => {
      const { stream, source } = await agedStore(['2026-01-01', '2026-01-02'], 2)
      await archive({ source, storage, isArchived }, { before: new Date('2026-01-03') })
      await restore(storage, store)
      expect(await store.read(stream)).to.have.length(4)
    }))

  it('restores one day alone only where what came before is there', () =>
    withFolder(async (storage) => {
      const { stream, source } = await agedStore(['2026-01-01', '2026-01-02'], 2)
      await archive({ source, storage, isArchived }, { before: new Date('2026-01-03') })
      const target = lost(stream, freshStream('journey'))
      const error: unknown = await restore(storage, target, { from: '2026-01-02' }).catch((thrown: unknown) => thrown)
      expect(codeOf(error)).to.equal('archive/stream_differs')
      await restore(storage, target, { to: '2026-01-01' })
      expect(await restore(storage, target, { from: '2026-01-02' })).to.deep.equal({ events: 2, segments: 1 })
    }))

  it('restores nothing of a damaged segment', () =>
    withFolder(async (storage) => {
      const { stream, source } = await agedStore(['2026-01-01'], 2)
      await archive({ source, storage, isArchived }, { before: new Date('2026-01-03') })
      const [file] = await storage.list('events/2026-01-01/')
      await storage.put(file!, Buffer.from('no gzip'))
      const target = lost(stream, freshStream('journey'))
      const error: unknown = await restore(storage, target).catch((thrown: unknown) => thrown)
      expect(codeOf(error)).to.equal('archive/damaged')
      expect(await target.read(stream)).to.deep.equal([])
    }))
})
