import { commandQueue } from '@journey/contracts'
import { eventually } from '@journey/messaging/testing'
import { beginRetry, keepDeadLetter, resolveRetried } from '@journey/read-model'
import { letterOf } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { Registry } from 'prom-client'
import { withHouse, type House } from '../testing/house.js'
import { careForDeadLetters, createDeadLetterGauges } from './care.js'
import { runTriage } from './jobs.js'

type Job = { id: string; state: string; progress: Record<string, number> }

const setup = (house: House) => {
  const { app, db, broker, triage } = house
  const keep = async (count: number): Promise<string[]> => {
    for (let n = 0; n < count; n++)
      await keepDeadLetter(
        db,
        letterOf({
          queue: commandQueue,
          deathId: `m-${n}`,
          properties: { messageId: `m-${n}`, headers: {} },
          original: { exchange: 'journey.commands', routing_key: 'journey.start' },
        }),
      )
    return (await db.selectFrom('dead_letters').select('id').execute()).map(({ id }) => id)
  }
  const job = async (payload: object): Promise<Job> => {
    const answer = await app.inject({ method: 'POST', url: '/api/v1/dead-letters/retry', payload })
    expect(answer.statusCode).to.equal(202)
    return answer.json<Job>()
  }
  const look = async (id: string) => (await app.inject(`/api/v1/dead-letters/jobs/${id}`)).json<Job>()
  const ended = (id: string) =>
    eventually('the end of the job', async () => {
      const job = await look(id)
      return job.state !== 'running' && job
    })
  /** Leads until the function ends, as an instance of the API does. */
  const leading = async (work: (kill: () => void) => Promise<void>) => {
    const stop = new AbortController()
    const running = runTriage({ db, triage, log: silentLog(), forgottenMs: 0 }, stop.signal)
    try {
      await work(() => stop.abort())
    } finally {
      stop.abort()
      await running
    }
  }
  /** The ids of all messages on the queue. */
  const published = async () => {
    const ids: (string | undefined)[] = []
    for (let one = await broker.take(commandQueue); one; one = await broker.take(commandQueue))
      ids.push(one.properties.messageId)
    return ids
  }
  return { keep, job, look, ended, leading, published }
}

describe('a retry of many dead letters', () => {
  it('sends each of its frozen set once, though its leader is followed by another half-way', () =>
    withHouse(async (house) => {
      const { keep, job, look, ended, leading, published } = setup(house)
      await keep(40)
      const { id, progress } = await job({ filter: { state: 'open' }, rate: '100/s', reason: 'fixed' })
      expect(progress).to.deep.equal({ done: 0, total: 40, resolved: 0, failed: 0, skipped: 0 })
      await keepDeadLetter(house.db, letterOf({ deathId: 'later' }))
      await leading(async (kill) => {
        await eventually('the first ones', async () => (await look(id)).progress.done! >= 10)
        kill()
      })
      expect((await look(id)).state).to.equal('running')
      await leading(async () => {
        expect((await ended(id)).state).to.equal('completed')
      })
      const ids = await published()
      expect(ids.sort()).to.deep.equal(Array.from({ length: 40 }, (_, n) => `m-${n}`).sort())
      expect((await look(id)).progress).to.deep.equal({ done: 40, total: 40, resolved: 0, failed: 0, skipped: 0 })
    }))

  it('keeps to its rate', () =>
    withHouse(async (house) => {
      const { keep, job, ended, leading } = setup(house)
      await keep(15)
      const { id } = await job({ filter: {}, rate: 20 })
      const begun = Date.now()
      await leading(async () => {
        await ended(id)
      })
      expect(Date.now() - begun).to.be.at.least(600)
    }))

  it('stops once too many have failed again, and says how each ended', () =>
    withHouse(async (house) => {
      const { keep, job, ended, leading } = setup(house)
      const ids = await keep(20)
      const { id } = await job({ filter: {}, rate: 8, stop_after: 2 })
      await leading(async () => {
        // Every retry dies at once, but for the first.
        const retrying = () =>
          house.db.selectFrom('dead_letters').select('id').where('state', '=', 'retrying').execute()
        const [first] = await eventually('a retry', async () =>
          ((found) => found.length > 0 && found)(await retrying()),
        )
        await resolveRetried(house.db, [{ id: first!.id, retry: 1 }], 'spec')
        const dying = setInterval(() => {
          void retrying().then((all) =>
            Promise.all(
              all.map((one) =>
                keepDeadLetter(house.db, letterOf({ queue: commandQueue, retried: { id: one.id, retry: 1 } })),
              ),
            ),
          )
        }, 50)
        try {
          const { state, progress } = await ended(id)
          expect(state).to.equal('stopped')
          expect(progress.resolved).to.equal(1)
          expect(progress.failed).to.be.at.least(2)
          expect(progress.done).to.be.below(ids.length)
        } finally {
          clearInterval(dying)
        }
      })
    }))

  it('can be cancelled, and skips what was closed meanwhile', () =>
    withHouse(async (house) => {
      const { app } = house
      const { keep, job, look, ended, leading } = setup(house)
      const [one] = await keep(3)
      const closed = await job({ filter: {} })
      await app.inject({ method: 'POST', url: `/api/v1/dead-letters/${one}/discard`, payload: { reason: 'no' } })
      await leading(async () => {
        await ended(closed.id)
      })
      expect((await look(closed.id)).progress).to.deep.include({ done: 3, skipped: 1 })

      await keepDeadLetter(house.db, letterOf({ deathId: 'another' }))
      const { id } = await job({ filter: {} })
      const url = `/api/v1/dead-letters/jobs/${id}`
      expect((await app.inject({ method: 'DELETE', url })).json<Job>().state).to.equal('cancelled')
      expect((await app.inject({ method: 'DELETE', url })).statusCode).to.equal(404)
      expect((await job({ filter: { code: 'none' } })).state).to.equal('completed')
    }))
})

describe('a retry that was stored by an instance that died', () => {
  it('is published by the next one', () =>
    withHouse(async (house) => {
      const { keep, leading } = setup(house)
      const [id] = await keep(1)
      await beginRetry(house.db, id!, { actor: { type: 'user', id: 'dana' }, reason: null })
      await leading(async () => {
        const message = await eventually('a message', () => house.broker.take(commandQueue))
        expect(message.properties.headers).to.include({ 'x-dead-letter-id': id })
      })
    }))
})

describe('the keeping of dead letters', () => {
  it('removes what is closed for 7 days, opens what was lost, and leaves open ones', () =>
    withHouse(async (house) => {
      const { db } = house
      const { keep } = setup(house)
      const [closed, fresh, lost, open] = await keep(4)
      const at = (days: number) => new Date(Date.now() - days * 86_400_000)
      const set = (id: string | undefined, values: object) =>
        db.updateTable('dead_letters').set(values).where('id', '=', id!).execute()
      await set(closed, { state: 'resolved', closed_at: at(7.1) })
      await set(fresh, { state: 'discarded', closed_at: at(6.9) })
      await set(lost, { state: 'retrying', retries: 1, retried_at: at(2) })
      await set(open, { created_at: at(100) })
      await careForDeadLetters(db, silentLog())
      const rows = await db.selectFrom('dead_letters').select(['id', 'state']).execute()
      expect(rows).to.have.deep.members([
        { id: fresh, state: 'discarded' },
        { id: lost, state: 'open' },
        { id: open, state: 'open' },
      ])

      const registry = new Registry()
      createDeadLetterGauges(registry, db, silentLog())
      const metrics = await registry.metrics()
      for (const line of [
        'journey_dead_letters{state="open"} 2',
        'journey_dead_letters{state="retrying"} 0',
        'journey_dead_letters{state="discarded"} 1',
        'journey_dead_letters_overdue 1',
      ])
        expect(metrics.split('\n')).to.include(line)
    }))
})
