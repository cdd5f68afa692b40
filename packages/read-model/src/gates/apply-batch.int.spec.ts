import { expect } from 'chai'
import type { AnyRecorded } from '@journey/contracts'
import { Journey, journeyStream } from '@journey/domain'
import { malformed, unavailable } from '@journey/runtime'
import type { Step } from '../projection/fold.js'
import { project } from '../projection/project.js'
import { emptied, withReadModel } from '../testing/database.js'
import { logOf } from '../testing/histories.js'
import { actualRows, expectedRows } from '../testing/rows.js'
import { applyBatch, applySlice, retryParked, type Consumer } from './apply-batch.js'
import { appliedRevision } from './gates.js'
import { parkedStreams } from './parked.js'

/** One client's journey, its first unit of work, and another client's journey. */
const log = logOf([
  { client: 0, action: 'start', pick: 1 },
  { client: 0, action: 'create_setup', pick: 0 },
  { client: 0, action: 'complete_task', pick: 1 },
  { client: 0, action: 'complete_task', pick: 1 },
  { client: 0, action: 'request_evaluation', pick: 1 },
  { client: 0, action: 'hold', pick: 1 },
  { client: 1, action: 'start', pick: 1 },
  { client: 1, action: 'hold', pick: 1 },
])
const journey = journeyStream('client-0')
const other = journeyStream('client-1')
const work = log.find(({ event }) => event.type === 'UnitOfWorkCreated')!.stream
const of = (...streams: string[]) => log.filter(({ stream }) => streams.includes(stream))

describe('an ordered consumer', () => {
  const database = withReadModel()

  const setup = async (over: Partial<Consumer<Step>> = {}) => {
    const { db } = database()
    await emptied(db)
    const reads: string[] = []
    const consumer: Consumer<Step> = {
      db,
      name: 'spec',
      project,
      readMissing: (stream, from, to) => {
        reads.push(`${stream}@${from}-${to}`)
        return of(stream).filter(({ revision }) => revision >= from && revision <= to)
      },
      ...over,
    }
    const apply = async (...events: AnyRecorded[]) => {
      const { applied, duplicates, healed, parked } = await applyBatch(consumer, events)
      return { applied, duplicates, healed, parked }
    }
    const parked = async () =>
      (await parkedStreams(db, 'spec')).map(
        ({ parked_at: _, message: __, consumer: ___, discarded_at: ____, ...rest }) => rest,
      )
    return { db, consumer, reads, apply, parked }
  }

  /** Fails as a broken projection would, at one event, until it is mended. */
  const brokenAt = (broken: AnyRecorded) => {
    let isMended = false
    const projectUnlessBroken: Consumer<Step>['project'] = (transaction, events) => {
      if (!isMended && events.some(({ id }) => id === broken.id)) throw new TypeError('a bug')
      return project(transaction, events)
    }
    return { project: projectUnlessBroken, mend: () => (isMended = true) }
  }

  it('applies each event once, however often it comes', async () => {
    const { apply, db } = await setup()
    expect(await apply(...log)).to.deep.equal({ applied: log.length, duplicates: 0, healed: 0, parked: 0 })
    expect(await apply(...log)).to.deep.equal({ applied: 0, duplicates: log.length, healed: 0, parked: 0 })
    expect(await apply(log[0]!, log[0]!)).to.deep.equal({ applied: 0, duplicates: 2, healed: 0, parked: 0 })
    expect(await actualRows(db)).to.deep.equal(expectedRows(log))
  })

  it('reads what the bus did not bring from the event store', async () => {
    const { apply, reads, db } = await setup()
    const [started, requested, held] = of(journey)
    await apply(started!)
    expect(await apply(held!)).to.deep.equal({ applied: 1, duplicates: 0, healed: 1, parked: 0 })
    expect(reads).to.deep.equal([`${journey}@1-1`])
    expect(await apply(requested!)).to.deep.equal({ applied: 0, duplicates: 1, healed: 0, parked: 0 })
    expect(await actualRows(db)).to.deep.equal(expectedRows(of(journey)))
  })

  it('applies nothing while the event store is away, and everything later', async () => {
    let isAway = true
    const { apply, db } = await setup({
      readMissing: (stream, from, to) => {
        if (isAway) throw unavailable('event-store/away', 'away')
        return of(stream).filter(({ revision }) => revision >= from && revision <= to)
      },
    })
    const events = [...of(other), of(journey)[2]!]
    let code: unknown
    await apply(...events).catch((error: unknown) => (code = (error as { code: string }).code))
    expect(code).to.equal('event-store/away')
    expect(await db.selectFrom('journey_states').selectAll().execute()).to.deep.equal([])
    isAway = false
    expect(await apply(...events)).to.deep.equal({ applied: 3, duplicates: 0, healed: 2, parked: 0 })
  })

  it('puts a stream aside whose event cannot be applied, up to that event, and lets all others go on', async () => {
    const [started, requested, held] = of(journey)
    const { project: broken } = brokenAt(requested!)
    const { apply, parked, db } = await setup({ project: broken })
    expect(await apply(...log)).to.deep.equal({ applied: log.length - 2, duplicates: 0, healed: 0, parked: 2 })
    expect(await parked()).to.deep.equal([
      { stream: journey, first_revision: 1, last_seen: 2, code: 'internal/bug', waits_for_stream: null, attempts: 1 },
    ])
    expect(await actualRows(db)).to.deep.equal(expectedRows(log.filter((one) => one !== requested && one !== held)))
    expect(await appliedRevision(db, 'spec', journey)).to.equal(started!.revision)
  })

  it('only notes what comes after for a stream that is put aside', async () => {
    const [, requested, held] = of(journey)
    const { project: broken } = brokenAt(requested!)
    const { apply, parked } = await setup({ project: broken })
    await apply(...of(journey).slice(0, 2))
    expect(await apply(held!, requested!)).to.deep.equal({ applied: 0, duplicates: 0, healed: 0, parked: 2 })
    expect((await parked())[0]).to.include({ first_revision: 1, last_seen: 2, attempts: 1 })
  })

  it('applies a parked stream in order, all that was seen of it, once somebody retries', async () => {
    const { project: broken, mend } = brokenAt(of(journey)[1]!)
    const { apply, consumer, parked, db } = await setup({ project: broken })
    await apply(...log)
    await retryParked(consumer, journey)
    expect((await parked())[0]).to.include({ stream: journey, attempts: 2 })
    mend()
    expect(await retryParked(consumer, journey)).to.include({ applied: 0, healed: 2, parked: 0 })
    expect(await parked()).to.deep.equal([])
    expect(await actualRows(db)).to.deep.equal(expectedRows(log))
    expect(await retryParked(consumer, journey)).to.include({ applied: 0, healed: 0 })
  })

  it('parks a unit of work whose journey is not there, and frees it with the journey', async () => {
    const { apply, parked, db } = await setup()
    await apply(...of(work))
    expect(await parked()).to.deep.equal([
      {
        stream: work,
        first_revision: 0,
        last_seen: of(work).length - 1,
        code: 'projection/waits_for_stream',
        waits_for_stream: journey,
        attempts: 1,
      },
    ])
    expect(await apply(...of(journey))).to.include({ applied: of(journey).length, healed: of(work).length })
    expect(await parked()).to.deep.equal([])
    expect(await actualRows(db)).to.deep.equal(expectedRows(of(journey, work)))
  })

  it('frees what waits for a parked journey together with it', async () => {
    const { project: broken, mend } = brokenAt(of(journey)[0]!)
    const { apply, consumer, parked, db } = await setup({ project: broken })
    await apply(...log)
    expect((await parked()).map(({ stream, waits_for_stream }) => [stream, waits_for_stream])).to.have.deep.members([
      [journey, null],
      [work, journey],
    ])
    mend()
    await retryParked(consumer, journey)
    expect(await parked()).to.deep.equal([])
    expect(await actualRows(db)).to.deep.equal(expectedRows(log))
  })

  it('parks a stream of which the event store has not all', async () => {
    const [started, , held] = of(journey)
    const { apply, parked } = await setup({ readMissing: () => [] })
    await apply(started!)
    expect(await apply(held!)).to.include({ parked: 1 })
    expect((await parked())[0]).to.include({ first_revision: 1, last_seen: 2, code: 'projection/missing_event' })
  })

  it('parks a stream whose event PostgreSQL cannot store, without a retry of the whole batch for ever', async () => {
    const { apply, parked } = await setup()
    const [started] = of(other)
    const data = {
      ...(started!.event.data as Extract<Journey.Event, { type: 'JourneyStarted' }>['data']),
      users: ['\0'],
    }
    const unstorable: AnyRecorded = { ...started!, event: { type: 'JourneyStarted', data } }
    expect(await apply(unstorable, ...of(journey))).to.include({ applied: 3, parked: 1 })
    expect((await parked())[0]).to.include({ stream: other, code: 'projection/not_storable' })
  })

  it('works on one stream one after the other, also when two instances got the same events', async () => {
    const { consumer, db } = await setup()
    const both = await Promise.all([applyBatch(consumer, log), applyBatch(consumer, [...log].reverse())])
    expect(both[0].applied + both[1].applied).to.equal(log.length)
    expect(both[0].duplicates + both[1].duplicates).to.equal(log.length)
    expect(await actualRows(db)).to.deep.equal(expectedRows(log))
  })

  it('keeps the gates of consumers apart', async () => {
    const { consumer, apply } = await setup()
    await apply(...of(journey))
    const seen: AnyRecorded[] = []
    const second: Consumer<AnyRecorded> = {
      ...consumer,
      name: 'second',
      project: (_, events) => Promise.resolve(seen.push(...events) > 0 ? [...events] : []),
    }
    expect((await applySlice(second, { events: of(journey), freed: [] })).results).to.deep.equal(of(journey))
    expect(seen).to.deep.equal(of(journey))
  })

  describe('that lacks more than a slice', () => {
    const far = logOf(
      [
        { client: 0, action: 'start' as const, pick: 1 },
        { client: 0, action: 'create_setup' as const, pick: 0 },
        ...Array.from({ length: 20 }, (_, n) => ({
          client: 0,
          action: n % 2 === 0 ? ('hold' as const) : ('release' as const),
          pick: n,
        })),
        { client: 1, action: 'start' as const, pick: 1 },
        { client: 1, action: 'hold' as const, pick: 1 },
      ],
      'far',
    )
    const [deep, shallow] = [journeyStream('far-0'), journeyStream('far-1')]
    const farOf = (stream: string) => far.filter((one) => one.stream === stream)
    const [lastOfDeep, lastOfShallow] = [farOf(deep).at(-1)!, farOf(shallow).at(-1)!]
    const farWork = far.find(({ event }) => event.type === 'UnitOfWorkCreated')!.stream

    const setupFar = async (over: Partial<Consumer<Step>> = {}) => {
      const counted = { held: 0, most: 0, slices: 0 }
      const { project: projectUnlessBroken = project, ...others } = over
      const { db, consumer, parked } = await setup({
        slice: { events: 4, weight: 1_000_000 },
        readMissing: function* (stream, from, to) {
          for (const one of farOf(stream).slice(from, to + 1)) {
            counted.most = Math.max(counted.most, ++counted.held)
            yield one
          }
        },
        project: (transaction, events) => {
          counted.held = 0
          counted.slices++
          return projectUnlessBroken(transaction, events)
        },
        ...others,
      })
      return { db, consumer, parked, counted }
    }

    it('heals the gap a slice at a time, and holds no more than one', async () => {
      const { db, consumer, counted } = await setupFar()
      expect(await applyBatch(consumer, [lastOfDeep])).to.include({
        applied: 1,
        healed: lastOfDeep.revision,
        parked: 0,
      })
      expect(counted).to.include({ most: 4, slices: Math.ceil(lastOfDeep.revision / 4) })
      expect(await actualRows(db)).to.deep.equal(expectedRows(farOf(deep)))
    })

    it('holds one event at a time of those that are as large as a slice may be', async () => {
      const { db, consumer, counted } = await setupFar({ slice: { events: 500, weight: 10 } })
      await applyBatch(consumer, [lastOfDeep])
      expect(counted.most).to.equal(1)
      expect(await actualRows(db)).to.deep.equal(expectedRows(farOf(deep)))
    })

    it('is through with other streams at once, and heals several gaps side by side', async () => {
      const { db, consumer } = await setupFar()
      const { rest } = await applySlice(consumer, { events: [lastOfDeep, lastOfShallow], freed: [] })
      expect(rest).to.deep.equal({ events: [lastOfDeep], freed: [] })
      expect(await appliedRevision(db, 'spec', shallow)).to.equal(lastOfShallow.revision)
      expect(await appliedRevision(db, 'spec', deep)).to.equal(1)
    })

    it('leaves it to another one midway, and finds nothing left to do', async () => {
      const { db, consumer } = await setupFar()
      const { rest } = await applySlice(consumer, { events: [lastOfDeep], freed: [] })
      const other = await applyBatch(consumer, [lastOfDeep])
      expect(other).to.include({ applied: 1, healed: lastOfDeep.revision - 4 })
      expect(await applySlice(consumer, rest!)).to.deep.include({ applied: 0, healed: 0, duplicates: 1, results: [] })
      const both = await Promise.all([applyBatch(consumer, [lastOfDeep]), applyBatch(consumer, [lastOfDeep])])
      expect(both.map(({ duplicates }) => duplicates)).to.deep.equal([1, 1])
      expect(await actualRows(db)).to.deep.equal(expectedRows(farOf(deep)))
    })

    it('puts the stream aside at the event that cannot be applied, with what was seen, and goes on with the others', async () => {
      const { project: broken, mend } = brokenAt(farOf(deep)[10]!)
      const { db, consumer, parked, counted } = await setupFar({ project: broken })
      const told = await applyBatch(consumer, [lastOfDeep, lastOfShallow])
      expect(told).to.include({ applied: 1, healed: 11, parked: 1 })
      const aside = { stream: deep, code: 'internal/bug', waits_for_stream: null, last_seen: lastOfDeep.revision }
      expect(await parked()).to.deep.equal([{ ...aside, first_revision: 10, attempts: 1 }])
      mend()
      // A retry that ends with its process: the stream is aside from where it came to.
      await applySlice(consumer, { events: [], freed: [{ stream: deep, by: deep }] })
      expect(await parked()).to.deep.equal([{ ...aside, first_revision: 14, attempts: 1 }])
      counted.most = 0
      expect(await retryParked(consumer, deep)).to.include({ applied: 0, healed: lastOfDeep.revision - 13, parked: 0 })
      expect(counted.most).to.equal(4)
      expect(await parked()).to.deep.equal([])
      expect(await actualRows(db)).to.deep.equal(expectedRows([...farOf(deep), ...farOf(shallow)]))
    })

    it('puts the stream aside at the event that cannot be read, or is not there', async () => {
      for (const [missing, code] of [
        [undefined, 'projection/missing_event'],
        [malformed('event/invalid', 'no'), 'event/invalid'],
      ] as const) {
        const { consumer, parked } = await setupFar({
          readMissing: function* (stream, from, to) {
            for (const one of farOf(stream).slice(from, to + 1)) {
              if (one.revision !== 6) yield one
              else if (missing) throw missing
            }
          },
        })
        expect(await applyBatch(consumer, [lastOfDeep])).to.include({ applied: 0, healed: 6, parked: 1 })
        expect((await parked())[0]).to.include({ first_revision: 6, code })
      }
    })

    it('frees what waits for a stream slice by slice, also when it died between two and the batch comes again', async () => {
      const { db, consumer, parked } = await setupFar({ slice: { events: 1, weight: 1_000_000 } })
      await applyBatch(consumer, farOf(farWork))
      const { length } = farOf(farWork)
      expect((await parked())[0]).to.include({ stream: farWork, first_revision: 0, last_seen: length - 1 })
      const { rest } = await applySlice(consumer, { events: [farOf(deep)[0]!], freed: [] })
      expect(rest).to.deep.equal({ events: [], freed: [{ stream: farWork, by: deep }] })
      expect((await parked())[0]).to.include({ stream: farWork, first_revision: 1, last_seen: length - 1 })
      expect(await applyBatch(consumer, [farOf(deep)[0]!])).to.include({ duplicates: 1, healed: length - 1 })
      expect(await parked()).to.deep.equal([])
      expect(await actualRows(db)).to.deep.equal(expectedRows([farOf(deep)[0]!, ...farOf(farWork)]))
    })
  })
})
