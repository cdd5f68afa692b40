import pg from 'pg'

/**
 * Tells when a journey's row becomes visible: a trigger notifies with the commit, so nothing has to poll, and the time is
 * that of the moment from which any reader sees the row. The database is the bench's own.
 */
export const watchJourneys = async (databaseUrl) => {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  client.on('error', (error) => giveUp(error)) // the server went away
  await client.query(`
    create function bench_tell() returns trigger language plpgsql as $$
    begin
      perform pg_notify('bench', json_build_object(
        'client_id', new.client_id, 'revision', new.revision, 'stage', new.stage,
        'verdict', new.gate -> 'last' ->> 'verdict')::text);
      return null;
    end $$;
    create trigger bench after insert or update on journey_states for each row execute function bench_tell();
    listen bench`)
  const rows = new Map()
  const waiting = new Map()
  let given
  client.on('notification', ({ payload }) => {
    const row = { ...JSON.parse(payload), at: performance.now() }
    rows.set(row.client_id, row)
    for (const { look } of waiting.get(row.client_id) ?? []) look()
  })

  /** When the row of this client was first seen to be so. */
  const seen = (clientId, isSo) =>
    new Promise((resolve, reject) => {
      const wait = { look: undefined, reject }
      const own = waiting.get(clientId) ?? new Set()
      waiting.set(clientId, own.add(wait))
      wait.look = () => {
        const row = rows.get(clientId)
        if (!row || !isSo(row)) return
        own.delete(wait)
        resolve(row.at)
      }
      if (given) reject(given)
      wait.look()
    })

  /** Ends all waiting, now and later, with this reason. */
  const giveUp = (reason) => {
    given = reason
    for (const own of waiting.values()) for (const { reject } of own) reject(reason)
  }

  return { seen, giveUp, query: (text, values) => client.query(text, values), close: () => client.end() }
}
