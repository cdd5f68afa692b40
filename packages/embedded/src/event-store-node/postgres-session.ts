import pg from 'pg'

/**
 * How every connection of the node is set up: each query finds its rows through an index, whatever the planner's statistics say
 * of a table that was empty a minute ago, and a commit is on disk before it is answered.
 */
const serverSettings = [
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'jit=off',
  'plan_cache_mode=force_generic_plan',
  'synchronous_commit=on',
  // A node whose machine vanished must not keep its lock for hours.
  'tcp_keepalives_idle=10',
  'tcp_keepalives_interval=2',
  'tcp_keepalives_count=3',
]

export const connectionConfig = (databaseUrl: string, applicationName: string): pg.ClientConfig => ({
  connectionString: databaseUrl,
  application_name: applicationName,
  options: serverSettings.map((setting) => `-c ${setting}`).join(' '),
  keepAlive: true,
  connectionTimeoutMillis: 5_000,
})

const parsers = new Map<number, (text: string) => unknown>([
  [pg.types.builtins.INT8, BigInt],
  [pg.types.builtins.BYTEA, (text: string) => Buffer.from(text.slice(2), 'hex')],
  [pg.types.builtins.BOOL, (text: string) => text === 't'],
])

/** 64-bit numbers come as bigint, bytes as Buffer, all else as text. */
export const columnTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid: number) => parsers.get(oid) ?? ((text: string) => text),
}

/** Where a query can be asked: the writer's connection, or the readers' pool. */
export type Queryable = { query(config: pg.QueryArrayConfig): Promise<pg.QueryArrayResult> }

/** Asks a prepared statement; rows come as arrays in the order of the columns. */
export const ask = async <Row extends readonly unknown[]>(
  on: Queryable,
  name: string,
  text: string,
  values: readonly unknown[],
): Promise<Row[]> => {
  const result = await on.query({ name, text, values: [...values], rowMode: 'array', types: columnTypes })
  return result.rows as unknown as Row[]
}

/** A refusal of PostgreSQL itself: the statement was undone. Anything else leaves the outcome unknown. */
export const isRefusal = (error: unknown): error is pg.DatabaseError =>
  error instanceof pg.DatabaseError && !/^(57P|08|XX)/.test(error.code ?? '08')
