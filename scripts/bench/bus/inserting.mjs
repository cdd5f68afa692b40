import pg from 'pg'

const atOnce = 4

/** The rows of the history once more into a table like it, so many in a statement, by four connections; rows per second. */
export const insertRaw = async (databaseUrl, batch, most) => {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: atOnce })
  const { rows } = await pool.query(`
    select json_agg(row)::text as rows, count(*)::int as count from (
      select journey_events as row, (row_number() over (order by position) - 1) / ${batch} as n
      from journey_events order by position limit ${most}) numbered group by n`)
  await pool.query('create table bench_events (like journey_events including all)')
  const left = rows[Symbol.iterator]()
  const begun = performance.now()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const { rows: some } of left)
        await pool.query({
          name: 'bench',
          text: 'insert into bench_events select * from json_populate_recordset(null::bench_events, $1)',
          values: [some],
        })
    }),
  )
  const seconds = (performance.now() - begun) / 1000
  await pool.query('drop table bench_events')
  await pool.end()
  return rows.reduce((sum, { count }) => sum + count, 0) / seconds
}
