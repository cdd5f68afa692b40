import { execFile, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { expect } from 'chai'
import { sql, type Kysely } from 'kysely'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromStored, masterKeysOf, notifierQueue, sagaQueue, sealOf } from '@journey/contracts'
import { createEventStore, sealedStore, type StoredEvent } from '@journey/event-store'
import { createDatabase, rewrapKeys, type Database, type Tables } from '@journey/read-model'
import { actualRows, expectedRows } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'
import { approved, freshClient, historyOf, journeyOf, start, untilJourney, untilSetUp, worksOf } from './journeys.js'
import { environmentOf, spawnService, startSystem, until, type System } from './system.js'

const bin = join(fileURLToPath(new URL('../../..', import.meta.url)), 'packages/cli/bin/journey-cli.mjs')
const newKey = () => randomBytes(32).toString('base64')
const secret = 'geheim-abcdefgh'

/** Every row of every table of every database of the server, as a dump would have it. */
const dump = async (url: string): Promise<string> => {
  const log = silentLog()
  const first = createDatabase({ url, name: 'dump', log })
  const { rows } = await sql<{ name: string }>`
    select datname as name from pg_database where datallowconn and not datistemplate`.execute(first.db)
  await first.stop()
  const texts: string[] = []
  for (const { name } of rows) {
    const its = new URL(url)
    its.pathname = `/${name}`
    const database = createDatabase({ url: its.href, name: 'dump', log })
    texts.push(await rowsOf(database.db))
    await database.stop()
  }
  return texts.join('\n')
}

const rowsOf = async (db: Kysely<Tables>): Promise<string> => {
  const { rows: tables } = await sql<{ schema: string; name: string }>`
    select schemaname as schema, tablename as name from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema')`.execute(db)
  const texts: string[] = []
  for (const { schema, name } of tables) {
    const { rows } = await sql<{ text: string }>`select t::text as text from ${sql.id(schema, name)} t`.execute(db)
    texts.push(...rows.map(({ text }) => `${name} ${text}`))
  }
  return texts.join('\n')
}

/** In clear, in bytes written in hexadecimal digits, and inside of base64 at each of its three places. */
const formsOf = (text: string): string[] => [
  text,
  Buffer.from(text).toString('hex'),
  ...[0, 1, 2].map((skip) => {
    const from = (3 - skip) % 3
    const whole = text.slice(from, from + Math.floor((text.length - from) / 3) * 3)
    return Buffer.from(whole).toString('base64')
  }),
]

const readLog = async (system: System, vault: Database['vault']): Promise<StoredEvent[]> => {
  const log = silentLog()
  const store = sealedStore(createEventStore({ url: system.endpoints.event_store, log }), sealOf(vault, log))
  try {
    const stored: StoredEvent[] = []
    for (let after: bigint | 'start' = 'start', isLast = false; !isLast;) {
      const page = await store.readAll({ after, maxCount: 500 })
      stored.push(...page.events)
      after = page.position
      isLast = page.isLast
    }
    return stored
  } finally {
    await store.stop()
  }
}

describe('a system with an encryption key', function () {
  this.timeout(400_000)
  const [key, former] = [newKey(), newKey()]
  let system: System
  before(async () => {
    system = await startSystem({
      JOURNEY_ENCRYPTION_KEY: key,
      JOURNEY_ENCRYPTION_KEYS_OLD: former,
      JOURNEY_SNAPSHOT_EVERY: '10',
    })
  })
  after(() => system.stop())

  const cli = (...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const env = { PATH: process.env.PATH, JOURNEY_API_URL: system.endpoints.api ?? '' }
      execFile(process.execPath, [bin, ...args], { env }, (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
      )
    })

  const withDatabase = async <T>(work: (database: Database) => Promise<T>): Promise<T> => {
    const database = createDatabase({
      url: system.endpoints.database,
      name: 'spec',
      log: silentLog(),
      encryption: { key, old: [former] },
    })
    try {
      return await work(database)
    } finally {
      await database.stop()
    }
  }

  /** The rows of the read model as they lie there, sealed. */
  const sealedRows = () =>
    withDatabase(async ({ db }) => {
      const texts: string[] = []
      for (const table of [
        'journey_states',
        'unit_of_works',
        'stage_transitions',
        'exit_criteria_results',
        'approvals',
        'journey_events',
      ] as const) {
        const { rows } = await sql<{ text: string }>`
          select (to_jsonb(t) - 'xmin')::text as text from ${sql.table(table)} t order by 1`.execute(db)
        texts.push(...rows.map(({ text }) => `${table} ${text}`))
      }
      return texts
    })

  const rebuild = async () => {
    const { code, out, err } = await cli('replay', 'start', '--consumer=projector', '--from=2020-01-01T00:00:00Z')
    expect([code, err], out).to.deep.equal([0, ''])
  }

  const client = freshClient('sealed')

  it('has a journey in which every text of the client is readable over HTTP and nowhere on a disk', async () => {
    const parameters = { ...approved, note: secret, nested: { list: [secret] } }
    const started = await start(system, client, parameters)
    expect(started.status).to.equal('accepted')
    await untilSetUp(system, client)
    const held = await system.bus.command('journey.hold', { client_id: client, reason: `hold, ${secret}` })
    expect(held.status).to.equal('accepted')
    const refused = await system.bus.command('journey.promote', {
      client_id: client,
      to_stage: 'pilot',
      reason: secret,
    })
    expect(refused.status).to.equal('rejected')
    await system.bus.publish(
      'journey.hold',
      JSON.stringify({ command_id: 'dead-1', data: { client_id: client, reason: 7, [secret]: secret } }),
    )
    await until('the dead letter is kept', async () => {
      const { body } = await system.get(`/dead-letters?client_id=${client}`)
      return body.items.length > 0
    })
    await system.bus.command('journey.cancel', { client_id: client, reason: `cancelled, ${secret}` })
    await untilJourney(system, client, 'is cancelled', ({ status }) => status === 'cancelled')

    const journey = JSON.stringify(await journeyOf(system, client))
    const history = JSON.stringify(await historyOf(system, client))
    const works = JSON.stringify(await worksOf(system, client))
    const events = JSON.stringify((await system.get(`/events?client_id=${client}&limit=500`)).body)
    for (const [what, text] of Object.entries({ journey, history, works, events }))
      expect(text, what).to.contain(secret)
    const letters = await system.get(`/dead-letters?client_id=${client}`)
    const letter = await system.get(`/dead-letters/${letters.body.items[0].id}`)
    expect(JSON.stringify(letter.body)).to.contain(secret)

    const everything = await dump(system.endpoints.database)
    expect(everything).to.contain(client).and.contain('journey_states')
    for (const form of formsOf(secret)) {
      const at = everything.indexOf(form)
      expect(at === -1 ? '' : everything.slice(Math.max(0, at - 300), at + 60), form).to.equal('')
    }
  })

  it('rebuilds the read model into the same bytes, and it is what the streams tell', async () => {
    const before = await sealedRows()
    await rebuild()
    expect(await sealedRows()).to.deep.equal(before)
    await withDatabase(async ({ db, vault }) => {
      const log = (await readLog(system, vault)).flatMap((one) => fromStored(one) ?? [])
      expect(await actualRows(db)).to.deep.equal(expectedRows(log))
    })
  })

  it('says so, with the id of its master key', async () => {
    for (const url of Object.values(system.endpoints.services)) {
      const { checks } = (await (await fetch(`${url}/ready`)).json()) as { checks: Record<string, { note?: string }> }
      if (checks.database) expect(checks.encryption?.note).to.match(/^on, with master key [0-9a-f]{8}$/)
    }
  })

  it('erases a client in two steps, after which everything shows the skeleton, and begins anew when asked', async () => {
    const asked = await cli('erase', `--client-id=${client}`, '--reason=asked for it', '--format=json')
    expect(asked.err).to.equal('')
    const { confirm, removes, events_in_clear } = JSON.parse(asked.out)
    expect(removes).to.include({ data_keys: 1, dead_letters: 1 })
    expect(events_in_clear).to.equal(0)
    expect(JSON.stringify(await historyOf(system, client)), 'nothing is gone yet').to.contain(secret)
    const done = await cli('erase', `--client-id=${client}`, `--confirm=${confirm}`)
    expect([done.code, done.err], done.out).to.deep.equal([0, ''])

    const gone = async () => {
      const answers = await Promise.all([
        system.get(`/journeys/${client}`),
        system.get(`/journeys/${client}/why`),
        system.get(`/journeys/${client}/history?limit=500`),
        system.get(`/journeys/${client}/transitions`),
        system.get(`/journeys/${client}/units-of-work`),
        system.get(`/journeys/${client}/exit-criteria`),
        system.get(`/dead-letters?client_id=${client}`),
        system.get(`/commands/dead-1`),
      ])
      for (const { status } of answers) expect(status).to.equal(200)
      return JSON.stringify(answers.map(({ body }) => body))
    }
    const shown = await gone()
    expect(shown).to.not.contain(secret)
    expect(shown).to.contain('redacted')
    expect((await journeyOf(system, client)).status).to.equal('cancelled')

    await until('every process has forgotten the key', async () => {
      await rebuild()
      const { body } = await system.get(`/events?client_id=${client}&limit=500`)
      return !(await gone()).includes(secret) && !JSON.stringify(body).includes(secret)
    })
    const before = await sealedRows()
    await rebuild()
    expect(await sealedRows()).to.deep.equal(before)
    await withDatabase(async ({ db, vault }) => {
      const log = (await readLog(system, vault)).flatMap((one) => fromStored(one) ?? [])
      expect(JSON.stringify(log)).to.not.contain(secret)
      expect(await actualRows(db)).to.deep.equal(expectedRows(log))
    })
    const audit = await system.get(`/erasures?client_id=${client}`)
    expect(audit.body.items[0]).to.deep.include({ reason: 'asked for it' })
    expect(audit.body.items[0].erased_at).to.be.a('string')

    expect((await start(system, client, { ...approved, note: 'anew' })).status).to.equal('accepted')
    const again = await untilJourney(
      system,
      client,
      'is in production anew',
      ({ episode, stage }) => episode === 2 && stage === 'production',
    )
    expect([again.episode, again.profile.parameters.note]).to.deep.equal([2, 'anew'])
    const history = JSON.stringify(await historyOf(system, client))
    expect(history).to.contain('anew').and.contain('redacted').and.not.contain(secret)
    const refused = await cli('erase', `--client-id=${client}`, '--reason=again')
    expect([refused.code, refused.err.includes('privacy/journey_active')], refused.err).to.deep.equal([1, true])
  })

  it('rotates its master key while journeys go on', async () => {
    const clients = Array.from({ length: 4 }, () => freshClient('rotated'))
    for (const one of clients)
      expect((await start(system, one, { ...approved, note: `of ${one}` })).status).to.equal('accepted')
    // As if all had been wrapped with the former key until now.
    const before = masterKeysOf({ key: former, old: [key] })
    await withDatabase(({ db }) => rewrapKeys(db, before, 1_000))
    const count = (await system.get('/encryption')).body.data_keys.find(
      ({ master_key }: { master_key: string }) => master_key === before.current.id,
    ).count
    expect(count).to.be.at.least(clients.length)
    const rotated = await cli('encryption', 'rotate')
    expect([rotated.code, rotated.err]).to.deep.equal([0, ''])
    expect(rotated.out).to.match(/^\d+ data keys rewrapped, none is left/)
    expect(Number.parseInt(rotated.out)).to.equal(count)
    expect((await system.get('/encryption')).body.data_keys).to.have.length(1)
    for (const one of clients) await untilSetUp(system, one)
    for (const one of clients) expect((await journeyOf(system, one)).profile.parameters.note).to.equal(`of ${one}`)
  })

  /** Starting a process is what takes the time, so each is wrong in one way. */
  const wrongly = {
    api: [{ JOURNEY_ENCRYPTION_KEY: newKey() }, 'privacy/master_key_unknown'],
    'event-relay': [{}, 'privacy/key_missing'],
    projector: [{}, 'privacy/key_missing'],
    'saga-processor': [{ JOURNEY_ENCRYPTION_KEY: newKey() }, 'privacy/master_key_unknown'],
    notifier: [{}, 'privacy/key_missing'],
  } as const
  type Other = keyof typeof wrongly

  it('waits when all but the command-handler has no key or a wrong one, says so, and goes on with the right one', async () => {
    const one = freshClient('waiting')
    const letters = () => withDatabase(({ db }) => db.selectFrom('dead_letters').select('id').execute())
    const told = () =>
      withDatabase(({ db }) => db.selectFrom('deliveries').select('event_id').where('client_id', '=', one).execute())
    const before = await letters()
    const names = Object.keys(wrongly) as Other[]
    const rightly = new Map(names.map((name) => [name, system.stack.processes().get(name)!]))
    const envs = [...rightly].map(([name, service]) => [name, environmentOf(service.pid()!)] as const)
    await Promise.all([...rightly.values()].map((service) => service.stop()))
    const waiting = new Map(
      envs.map(([name, env]) => [name, spawnService(name, { ...withoutKeys(env), ...wrongly[name][0] })] as const),
    )
    const allSay = () =>
      Promise.all(
        [...waiting.keys()].map((name) =>
          until(`${name} says what is wrong`, async () => {
            const answer = await fetch(`${system.endpoints.services[name]!}/ready`)
            return answer.status === 503 && (await answer.text()).includes(wrongly[name][1])
          }),
        ),
      )
    const goesOn = async (name: Other) => {
      const process = waiting.get(name)
      if (process) await ended(process)
      waiting.delete(name)
      await rightly.get(name)!.start()
    }
    const waitsFor = (name: Other, queue: string) =>
      until(`${name} holds back ${queue}`, async () => {
        const metrics = await (await fetch(`${system.endpoints.services[name]!}/metrics`)).text()
        const open = metrics.split('\n').find((line) => line.startsWith(`journey_bus_breaker_open{queue="${queue}"`))
        return open?.endsWith(' 1')
      })
    try {
      await allSay()
      const published = await system.bus.listen('journey.started')
      expect((await start(system, one, { ...approved, note: secret })).status).to.equal('accepted')
      const { status, body } = await system.get(`/events?client_id=${one}`)
      expect([status, body.code]).to.deep.equal([503, wrongly.api[1]])
      expect(published).to.deep.equal([])

      await goesOn('event-relay')
      await until('the journey is told of', () => Promise.resolve(published.length > 0))
      await waitsFor('saga-processor', sagaQueue)
      await allSay()
      await Promise.all((['api', 'projector', 'saga-processor'] as const).map(goesOn))
      await untilSetUp(system, one)
      expect((await journeyOf(system, one)).profile.parameters.note).to.equal(secret)

      await waitsFor('notifier', notifierQueue) // of what it needs no key for, it has nothing to tell
      expect(await told()).to.deep.equal([])
    } finally {
      await Promise.all(names.map(goesOn))
    }
    await until('both promotions are told', async () => (await told()).length >= 2)
    expect(await letters()).to.deep.equal(before)
  })
})

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}

const withoutKeys = (env: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('JOURNEY_ENCRYPTION_KEY')))
