import pg from 'pg'

/**
 * Tells when a journey's row becomes visible: a trigger notifies with the commit, so nothing has to poll, and the time is
 * that of the moment from which any reader sees the row. The database is the bench's own.
 */
export const watchJourneys = async (databaseUrl) => {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
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
  const waiting = new Set()
  client.on('notification', ({ payload }) => {
    const row = { ...JSON.parse(payload), at: performance.now() }
    rows.set(row.client_id, row)
    for (const wait of waiting) wait()
  })

  /** When the row of this client was first seen to be so. */
  const seen = (clientId, isSo, signal) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const row = rows.get(clientId)
        if (!row || !isSo(row)) return
        waiting.delete(look)
        signal.removeEventListener('abort', giveUp)
        resolve(row.at)
      }
      const giveUp = () => {
        waiting.delete(look)
        reject(signal.reason)
      }
      if (signal.aborted) return reject(signal.reason)
      signal.addEventListener('abort', giveUp, { once: true })
      waiting.add(look)
      look()
    })

  return { seen, query: (text, values) => client.query(text, values), close: () => client.end() }
}
