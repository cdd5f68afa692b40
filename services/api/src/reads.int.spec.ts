import { noteHeartbeat } from '@journey/read-model'
import { expect } from 'chai'
import { createChronicle, healthy, start } from './testing/chronicle.js'
import { withHouse, type House } from './testing/house.js'

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- answers have many shapes
const get = async <T = Record<string, unknown>>(house: House, url: string) => {
  const answer = await house.app.inject({ method: 'GET', url: url.startsWith('/api') ? url : `/api/v1${url}` })
  return { status: answer.statusCode, headers: answer.headers, body: answer.json<T>() }
}

type Items = { items: Record<string, unknown>[]; next_cursor: string | null }

/** Every page of a list, joined. */
const all = async (house: House, url: string): Promise<Record<string, unknown>[]> => {
  const items: Record<string, unknown>[] = []
  let cursor: string | null = null
  do {
    const { status, body }: { status: number; body: Items } = await get<Items>(
      house,
      url + (cursor === null ? '' : `${url.includes('?') ? '&' : '?'}cursor=${cursor}`),
    )
    expect(status, JSON.stringify(body)).to.equal(200)
    items.push(...body.items)
    cursor = body.next_cursor
  } while (cursor !== null)
  return items
}

const approved = (chronicle: ReturnType<typeof createChronicle>, client: string) => {
  const asked = chronicle.events.find(
    ({ event }) => event.type === 'ApprovalRequested' && event.data.client_id === client,
  )
  if (asked?.event.type !== 'ApprovalRequested') throw new Error('nobody was asked')
  const { work_id, task_id } = asked.event.data
  chronicle.act({ type: 'approval.decide', data: { work_id, task_id, decision: 'approve' } }, 'dana')
  return { work_id, task_id }
}

describe('a journey that was set up and waits for its demo', () => {
  const withJourney = (use: (house: House, chronicle: ReturnType<typeof createChronicle>) => Promise<void>) =>
    withHouse(async (house) => {
      const chronicle = createChronicle(healthy)
      chronicle.act(start('client-123'), 'dana')
      await house.apply(chronicle.events)
      await use(house, chronicle)
    })

  it('says where it stands, what it waits for, and its revision', () =>
    withJourney(async (house, { events }) => {
      const { status, headers, body } = await get(house, '/journeys/client-123')
      const last = events.findLast(({ stream }) => stream === 'journey-client-123')
      const asked = events.find(({ event }) => event.type === 'ApprovalRequested')

      expect(status).to.equal(200)
      expect(headers.etag).to.equal(`"${last?.revision}"`)
      expect(body).to.deep.include({
        client_id: 'client-123',
        current_stage: 'sandbox',
        status: 'active',
        episode: 1,
        visit: 1,
        revision: last?.revision,
      })
      expect(body.waiting_for).to.deep.equal([
        {
          kind: 'approval',
          who: 'client',
          since: asked?.at,
          next_at: null,
          work_id: (asked?.event.data as { work_id: string }).work_id,
          task_id: 'demo_approval',
        },
      ])
    }))

  it('explains itself in words', () =>
    withJourney(async (house) => {
      const { body } = await get<{ waiting_for: { says: string; to_do: string }[]; next: string }>(
        house,
        '/journeys/client-123/why',
      )
      expect(body.waiting_for.map(({ says }) => says)).to.deep.equal([
        "Client Demo Approved (demo_approval) waits for the client's decision",
      ])
      expect(body.waiting_for[0]?.to_do).to.contain('journey-cli approve')
      expect(body.next).to.equal('Then, with the exit of sandbox passed, the client is promoted to pilot')
    }))

  it('shows its open approval until it is decided', () =>
    withJourney(async (house, chronicle) => {
      const before = await all(house, '/approvals?open=true')
      const decided = approved(chronicle, 'client-123')
      await house.apply(chronicle.events)

      expect(before).to.have.length(1)
      expect(before[0]).to.deep.include({ ...decided, client_id: 'client-123', decision: null, closed_at: null })
      expect(await all(house, '/approvals?open=true')).to.deep.equal([])
      expect((await all(house, '/approvals?open=false&client_id=client-123'))[0]).to.deep.include({
        decision: 'approve',
        decided_by: 'dana',
      })
    }))

  it('shows its checks with value and threshold', () =>
    withJourney(async (house) => {
      type Check = { check_id: string; verdict: string; comparisons: { value: number; threshold: number }[] }
      const { body } = await get<{ checks: Check[]; evaluations: { verdict: string; checks: Check[] }[] }>(
        house,
        '/journeys/client-123/exit-criteria',
      )
      const quality = body.checks.find(({ check_id }) => check_id === 'search_quality')
      expect(body.checks.map(({ verdict }) => verdict)).to.deep.equal(['pass', 'pass', 'pass', 'pending'])
      expect(quality?.comparisons[0]).to.deep.include({ value: 0.9, threshold: 0.8 })
      expect([body.evaluations[0]?.verdict, body.evaluations[0]?.checks.length]).to.deep.equal(['pending', 4])
    }))
})

describe('a journey through all its stages', () => {
  const withJourney = (use: (house: House, chronicle: ReturnType<typeof createChronicle>) => Promise<void>) =>
    withHouse(async (house) => {
      const chronicle = createChronicle(healthy)
      chronicle.act(start('client-123'), 'dana')
      approved(chronicle, 'client-123')
      await house.apply(chronicle.events)
      await use(house, chronicle)
    })

  it('tells everything that happened, in order, page by page', () =>
    withJourney(async (house, { events }) => {
      const history = await all(house, '/journeys/client-123/history?limit=7')

      expect(history.map(({ stream, revision }) => [stream, revision])).to.deep.equal(
        events.map(({ stream, revision }) => [stream, revision]),
      )
      expect(history[0]).to.deep.include({ event_type: 'journey.started', actor: { type: 'user', id: 'dana' } })
      const promoted = history.find(({ event_type }) => event_type === 'journey.stage_promoted')
      expect(promoted).to.deep.include({
        reason: 'exit criteria passed',
        results: { connectors_syncing: true, search_quality: true, security_scan: true, demo_approval: true },
      })
    }))

  it('tells where it stood at a time and at a revision', () =>
    withJourney(async (house, { events }) => {
      type History = Items & { state: Record<string, unknown> }
      const promoted = events.find(({ event }) => event.type === 'StagePromoted')!
      const before = new Date(Date.parse(promoted.at) - 1).toISOString()
      const at = async (as_of: string) =>
        (await get<History>(house, `/journeys/client-123/history?limit=500&as_of=${as_of}`)).body

      const then = await at(before)
      expect(then.state).to.deep.include({ status: 'active', stage: 'sandbox' })
      expect(then.items.every(({ timestamp }) => String(timestamp) <= before)).to.equal(true)
      expect((await at(promoted.at)).state).to.deep.include({ stage: 'pilot' })
      expect((await at(String(promoted.revision))).state).to.deep.include({
        stage: 'pilot',
        revision: promoted.revision,
      })
      expect(await at('2020-01-01')).to.deep.include({ items: [], state: { status: 'none', revision: null } })
    }))

  it('can be followed from where a page ended', () =>
    withJourney(async (house, chronicle) => {
      type History = Items & { last_cursor: string | null }
      const { body } = await get<History>(house, '/journeys/client-123/history?limit=500')
      chronicle.act({ type: 'journey.hold', data: { client_id: 'client-123', reason: 'audit' } }, 'erin')
      await house.apply(chronicle.events)
      const next = await get<History>(house, `/journeys/client-123/history?cursor=${body.last_cursor}`)
      const none = await get<History>(house, `/journeys/client-123/history?cursor=${next.body.last_cursor}`)

      expect(body.next_cursor).to.equal(null)
      expect(next.body.items.map(({ event_type }) => event_type)).to.deep.equal(['journey.promotion_held'])
      expect(none.body).to.deep.include({ items: [], last_cursor: next.body.last_cursor })
    }))

  it('lists its transitions as the table has them', () =>
    withJourney(async (house) => {
      const rows = await house.db.selectFrom('stage_transitions').selectAll().orderBy('revision').execute()
      expect(await all(house, '/journeys/client-123/transitions?limit=1')).to.deep.equal(rows)
      expect(rows.map(({ to_stage }) => to_stage)).to.deep.equal(['sandbox', 'pilot', 'production'])
    }))

  it('lists its units of work by stage, each with its tasks and attempts', () =>
    withJourney(async (house) => {
      type Task = { task_id: string; status: string; attempts: unknown[]; output: object }
      const works = await all(house, '/journeys/client-123/units-of-work?limit=2')
      const pilot = await all(house, '/journeys/client-123/units-of-work?stage=pilot')
      const setup = works.find(({ kind, stage }) => kind === 'setup' && stage === 'sandbox')!
      const one = await get<{ tasks: Task[] }>(house, `/units-of-work/${String(setup.work_id)}`)

      expect(works.map(({ kind }) => kind)).to.deep.equal(['setup', 'gate', 'setup', 'gate', 'setup', 'gate'])
      expect(pilot.map(({ kind }) => kind)).to.deep.equal(['setup', 'gate'])
      expect(one.headers.etag).to.equal(`"${String(setup.revision)}"`)
      expect(one.body).to.deep.equal(setup)
      expect(one.body.tasks.map(({ status, attempts }) => [status, attempts.length])).to.deep.equal(
        one.body.tasks.map(() => ['completed', 1]),
      )
    }))

  it('can be completed in the end, and says so', () =>
    withJourney(async (house, chronicle) => {
      const before = await get<{ waiting_for: { kind: string }[] }>(house, '/journeys/client-123')
      chronicle.act({ type: 'journey.complete', data: { client_id: 'client-123' } }, 'dana')
      await house.apply(chronicle.events)
      const after = await get(house, '/journeys/client-123')

      expect(before.body.waiting_for.map(({ kind }) => kind)).to.deep.equal(['completion'])
      expect(after.body).to.deep.include({ status: 'completed', current_stage: 'completed', waiting_for: [] })
    }))
})

describe('the list of journeys', () => {
  const clients = ['b-client', 'a_client', 'c-client', 'A-client']

  const withJourneys = (use: (house: House) => Promise<void>) =>
    withHouse(async (house) => {
      const chronicle = createChronicle(() => undefined)
      for (const client of clients) chronicle.act(start(client))
      chronicle.act({ type: 'journey.cancel', data: { client_id: 'c-client', reason: 'no budget' } })
      await house.apply(chronicle.events)
      await use(house)
    })

  const ids = (rows: readonly Record<string, unknown>[]) => rows.map(({ client_id }) => client_id)

  it('is ordered both ways, page by page, without losing or repeating one', () =>
    withJourneys(async (house) => {
      expect(ids(await all(house, '/journeys?sort=started_at&limit=1'))).to.deep.equal(clients)
      expect(ids(await all(house, '/journeys?sort=-started_at&limit=3'))).to.deep.equal([...clients].reverse())
      const byId = ids(await all(house, '/journeys?sort=client_id&limit=1'))
      expect(ids(await all(house, '/journeys?sort=-client_id&limit=2'))).to.deep.equal([...byId].reverse())
      expect([...byId].sort()).to.deep.equal([...clients].sort())
    }))

  it('can be narrowed by stage, status and part of the id, taken literally', () =>
    withJourneys(async (house) => {
      expect(ids(await all(house, '/journeys?stage=cancelled'))).to.deep.equal(['c-client'])
      expect(ids(await all(house, '/journeys?status=active&stage=sandbox'))).to.have.length(3)
      expect(ids(await all(house, '/journeys?q=a_c'))).to.deep.equal(['a_client'])
      expect(ids(await all(house, '/journeys?q=A-CL'))).to.deep.equal(['A-client'])
      expect(ids(await all(house, '/journeys?q=%25'))).to.deep.equal([])
    }))

  it('tells of each what it waits for', () =>
    withJourneys(async (house) => {
      const rows = await all(house, '/journeys?sort=started_at')
      const kinds = rows.map(({ waiting_for }) => (waiting_for as { kind: string }[]).map(({ kind }) => kind))
      expect(kinds).to.deep.equal([['task'], ['task'], [], ['task']])
    }))
})

describe('a read that asks for a revision', () => {
  it('waits until it is there', () =>
    withHouse(async (house) => {
      const { act, events } = createChronicle(() => undefined)
      act(start('client-123'))
      const asked = get(house, '/journeys/client-123?min_revision=0')
      await house.apply(events)
      expect((await asked).status).to.equal(200)
    }))

  it('is told the revision that is there when its time is up', () =>
    withHouse(async (house) => {
      const { act, events } = createChronicle(() => undefined)
      act(start('client-123'))
      await house.apply(events)
      const [known, unknown] = await Promise.all([
        get(house, '/journeys/client-123?min_revision=99'),
        get(house, '/units-of-work/nothing?min_revision=0'),
      ])
      expect(known.status).to.equal(412)
      expect(known.body).to.deep.include({ code: 'revision/not_reached', revision: 0 })
      expect(unknown.status).to.equal(412)
      expect(unknown.body).to.deep.include({ revision: null })
    }))
})

describe('the list of agents', () => {
  it('tells who offers an intent, when it was last heard of, and whether that is recent', () =>
    withHouse(async (house) => {
      const registration = { type: 'agent', version: '1', cognitive_pattern: null, created_by: 'spec' }
      const at = '2026-01-27T10:00:00.000Z'
      for (const [agent_id, intents] of [
        ['one', ['install_connectors', 'validate_search']],
        ['two', ['install_connectors']],
      ] as const)
        await house.db
          .insertInto('agents')
          .values({
            agent_id,
            name: agent_id,
            intents: [...intents],
            ...registration,
            registered_at: at,
            updated_at: at,
            revision: 0,
          })
          .execute()
      await noteHeartbeat(house.db, 'one', 3)

      const offering = await all(house, '/agents?intent=install_connectors&limit=1')
      expect(offering.map(({ agent_id, alive, active_tasks }) => [agent_id, alive, active_tasks])).to.deep.equal([
        ['one', true, 3],
        ['two', false, null],
      ])
      expect((await all(house, '/agents?intent=validate_search')).map(({ agent_id }) => agent_id)).to.deep.equal([
        'one',
      ])
    }))
})

describe('what a caller gets wrong in a read', () => {
  it('is answered by a problem that names it', () =>
    withHouse(async (house) => {
      const wrong: [url: string, status: number, code: string][] = [
        ['/journeys/nobody', 404, 'journey/unknown'],
        ['/journeys/nobody/history', 404, 'journey/unknown'],
        ['/journeys/%00', 404, 'journey/unknown'],
        ['/journeys/%2e%2e%2fetc', 404, 'journey/unknown'],
        [`/journeys/${'x'.repeat(1000)}`, 404, 'journey/unknown'],
        ['/units-of-work/nothing', 404, 'unit_of_work/unknown'],
        ['/units-of-work/%00', 404, 'unit_of_work/unknown'],
        ['/commands/nothing', 404, 'command/unknown'],
        ['/commands/%00', 404, 'command/unknown'],
        [`/commands/${'x'.repeat(200)}`, 404, 'command/unknown'],
        ['/nothing', 404, 'route/unknown'],
        ['/journeys/%zz', 400, 'request/url_invalid'],
        ['/journeys/%ff', 400, 'request/url_invalid'],
        ['/journeys?limit=0', 422, 'request/invalid'],
        ['/journeys?limit=501', 422, 'request/invalid'],
        ['/journeys?limit=x', 422, 'request/invalid'],
        ['/journeys?limit=1&limit=2', 422, 'request/invalid'],
        ['/journeys?stage=moon', 422, 'request/invalid'],
        ['/journeys?sort=revision', 422, 'request/invalid'],
        ['/journeys?q=%00', 422, 'request/invalid'],
        ['/journeys?page=2', 422, 'request/invalid'],
        ['/journeys?cursor=nonsense', 422, 'request/cursor_invalid'],
        [`/journeys?cursor=${Buffer.from('["x","y"]').toString('base64url')}`, 422, 'request/cursor_invalid'],
        ['/agents?intent=DROP%20TABLE', 422, 'request/invalid'],
        ['/approvals?open=perhaps', 422, 'request/invalid'],
        ['/journeys/nobody?min_revision=-1', 422, 'request/invalid'],
        ['/journeys/nobody/history?as_of=yesterday', 422, 'request/invalid'],
        ['/commands/x?wait=31', 422, 'request/invalid'],
      ]
      for (const [url, status, code] of wrong) {
        const answer = await get<{ code: string; status: number; errors: object[] }>(house, url)
        expect([url, answer.status, answer.body.code, answer.body.status]).to.deep.equal([url, status, code, status])
        expect(answer.headers['content-type']).to.equal('application/problem+json; charset=utf-8')
        if (status === 422) expect(answer.body.errors, url).to.have.length.greaterThan(0)
      }
    }))
})
