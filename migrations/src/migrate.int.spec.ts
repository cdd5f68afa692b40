import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import pg from 'pg'
import { testDatabase } from '@journey/embedded/testing'
import { migrate, migrationStatus } from './migrate.js'
import { migrations } from './migrations.js'

const names = Object.keys(migrations)

const onDatabase = async <T>(work: (url: string, client: pg.Client) => Promise<T>): Promise<T> => {
  const { url, drop } = await testDatabase()
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    return await work(url, client)
  } finally {
    await client.end()
    await drop()
  }
}

const columnsOf = async (client: pg.Client, table: string): Promise<string[]> => {
  const { rows } = await client.query<{ line: string }>(
    `select format('%s %s%s', attname, format_type(atttypid, atttypmod), case when attnotnull then ' not null' else '' end) as line
     from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
    [table],
  )
  return rows.map(({ line }) => line)
}

describe('the migrations', () => {
  it('are numbered in their order', () => {
    expect(names).to.deep.equal([...names].sort())
    expect(new Set(names.map((name) => name.slice(0, 3))).size).to.equal(names.length)
  })

  it('run once, and a second time do nothing', () =>
    onDatabase(async (url) => {
      expect((await migrationStatus(url)).every(({ executedAt }) => executedAt === null)).to.equal(true)
      expect(await migrate(url)).to.deep.equal(names)
      expect(await migrate(url)).to.deep.equal([])
      expect((await migrationStatus(url)).every(({ executedAt }) => executedAt !== null)).to.equal(true)
    }))

  it('may be started by several at once: one runs them, the others find nothing to do', () =>
    onDatabase(async (url) => {
      const ran = await Promise.all([migrate(url), migrate(url), migrate(url), migrate(url)])
      expect(ran.map(({ length }) => length).sort()).to.deep.equal([0, 0, 0, names.length])
    }))

  it('make the three tables of TECH-003 section 4.1 as they stand there', () =>
    onDatabase(async (url, client) => {
      await migrate(url)
      expect((await columnsOf(client, 'journey_states')).slice(0, 9)).to.deep.equal([
        'client_id character varying(255) not null',
        'current_stage character varying(50) not null',
        'previous_stage character varying(50)',
        'started_at timestamp without time zone not null',
        'stage_started_at timestamp without time zone not null',
        'completed_stages text[]',
        'metadata jsonb',
        'created_at timestamp without time zone',
        'updated_at timestamp without time zone',
      ])
      expect((await columnsOf(client, 'unit_of_works')).slice(0, 9)).to.deep.equal([
        'work_id character varying(255) not null',
        'client_id character varying(255) not null',
        'stage character varying(50) not null',
        'status character varying(50) not null',
        'tasks jsonb not null',
        'results jsonb',
        'created_at timestamp without time zone',
        'started_at timestamp without time zone',
        'completed_at timestamp without time zone',
      ])
      expect((await columnsOf(client, 'stage_transitions')).slice(0, 8)).to.deep.equal([
        'transition_id character varying(255) not null',
        'client_id character varying(255) not null',
        'from_stage character varying(50)',
        'to_stage character varying(50) not null',
        'transitioned_at timestamp without time zone not null',
        'reason text',
        'exit_criteria_results jsonb',
        'initiated_by character varying(255)',
      ])
      const { rows: indexes } = await client.query<{ indexdef: string }>(
        `select indexdef from pg_indexes where indexname = any($1) order by indexname`,
        [
          [
            'idx_journey_current_stage',
            'idx_journey_started_at',
            'idx_uow_client_id',
            'idx_uow_status',
            'idx_transitions_client_id',
            'idx_transitions_timestamp',
          ],
        ],
      )
      expect(indexes.map(({ indexdef }) => indexdef.replace(/^.* USING btree /, ''))).to.deep.equal([
        '(current_stage)',
        '(started_at)',
        '(client_id)',
        '(transitioned_at DESC)',
        '(client_id)',
        '(status)',
      ])
      const { rows: foreign } = await client.query<{ line: string }>(
        `select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) as line
         from pg_constraint where contype = 'f' order by 1`,
      )
      expect(foreign.map(({ line }) => line)).to.deep.equal([
        'stage_transitions FOREIGN KEY (client_id) REFERENCES journey_states(client_id)',
        'unit_of_works FOREIGN KEY (client_id) REFERENCES journey_states(client_id)',
      ])
      const { rows: keys } = await client.query<{ line: string }>(
        `select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) as line from pg_constraint
         where contype = 'p' and conrelid::regclass::text = any($1) order by 1`,
        [['journey_states', 'unit_of_works', 'stage_transitions']],
      )
      expect(keys.map(({ line }) => line)).to.deep.equal([
        'journey_states PRIMARY KEY (client_id)',
        'stage_transitions PRIMARY KEY (transition_id)',
        'unit_of_works PRIMARY KEY (work_id)',
      ])
      const { rows: defaults } = await client.query<{ line: string }>(
        `select format('%s.%s %s', table_name, column_name, column_default) as line from information_schema.columns
         where table_name = any($1) and column_default is not null order by 1`,
        [['journey_states', 'unit_of_works', 'stage_transitions']],
      )
      expect(defaults.map(({ line }) => line)).to.include.members([
        'journey_states.created_at now()',
        'journey_states.updated_at now()',
        'unit_of_works.created_at now()',
      ])
    }))

  it('let no unit of work in without its journey, or in a status that TECH-003 does not list', () =>
    onDatabase(async (url, client) => {
      await migrate(url)
      await client.query(
        `insert into journey_states
           (client_id, current_stage, started_at, stage_started_at, stage, status, episode, visit, gate, profile, revision)
         values ('known', 'sandbox', now(), now(), 'sandbox', 'active', 1, 1, '{}', '{}', 0)`,
      )
      const stateOf = (clientId: string, status: string) =>
        client
          .query(
            `insert into unit_of_works
               (work_id, client_id, stage, status, tasks, kind, episode, visit, n, template_id, name, inputs, parameters, updated_at, revision)
             values ($1 || '-' || $2, $1, 'sandbox', $2, '[]', 'setup', 1, 1, 1, 't', 't', '{}', '{}', now(), 0)`,
            [clientId, status],
          )
          .then(
            () => 'taken',
            (error: unknown) => (error as pg.DatabaseError).code,
          )
      for (const status of ['pending', 'in_progress', 'completed', 'failed'])
        expect([status, await stateOf('known', status)]).to.deep.equal([status, 'taken'])
      expect(await stateOf('known', 'cancelled')).to.equal('23514') // check violation
      expect(await stateOf('unknown', 'pending')).to.equal('23503') // foreign key violation
    }))
})

describe('the process `migrations`', () => {
  const main = fileURLToPath(new URL('main.js', import.meta.url))
  const run = (args: string[], env: Record<string, string>) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      execFile(process.execPath, [main, ...args], { env }, (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
      )
    })

  it('brings a database up and says so, and tells the status', () =>
    onDatabase(async (url) => {
      const up = await run(['up'], { DATABASE_URL: url })
      expect(up).to.include({ code: 0, err: '' })
      expect(up.out.trim().split('\n')).to.deep.equal(names.map((name) => `ran ${name}`))
      expect((await run(['up'], { DATABASE_URL: url })).out).to.equal('nothing to do\n')
      expect((await run(['status'], { DATABASE_URL: url })).out).to.match(/^\d{4}-\S+ {2}001-journey-states\n/)
    }))

  it('fails with the reason when the database is away, and with the usage when asked wrongly', async () => {
    const away = await run(['up'], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })
    expect(away.code).to.equal(1)
    expect(away.err).to.contain('ECONNREFUSED')
    expect(await run(['down'], {})).to.include({ code: 2 })
  })
})
