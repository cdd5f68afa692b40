import type {
  Kysely,
  KyselyPlugin,
  PluginTransformQueryArgs,
  PluginTransformResultArgs,
  QueryId,
  QueryResult,
  RootOperationNode,
  UnknownRow,
} from 'kysely'
import {
  decodeContent,
  encodeContent,
  keyIdOf,
  noClient,
  openBytes,
  redact,
  restore,
  sealBytes,
  type Piece,
  type Vault,
} from '@journey/contracts'
import type { Tables } from '../tables.js'
import { contentOf, isSealedTable, type SealedTable } from './content.js'

/**
 * Opens sealed rows as they are read: what is selected from one of the sealed tables, or returned by a change of it, holds its
 * content again, and the column `sealed` is gone. Writing is asked for by name: `sealRows`.
 */
export class Sealing implements KyselyPlugin {
  private readonly tables = new WeakMap<QueryId, SealedTable>()

  constructor(readonly vault: Vault) {}

  transformQuery({ node, queryId }: PluginTransformQueryArgs): RootOperationNode {
    const table = tableOf(node)
    if (table !== undefined && isSealedTable(table)) this.tables.set(queryId, table)
    return node
  }

  async transformResult({ queryId, result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    const table = this.tables.get(queryId)
    return table ? { ...result, rows: await open(this.vault, table, result.rows) } : result
  }
}

/** The keys that a database's sealed tables are read and written with. */
export const vaultOf = (db: Kysely<Tables>): Vault | undefined =>
  db.getExecutor().plugins.find((plugin) => plugin instanceof Sealing)?.vault

/**
 * Rows as they are to be written: content taken out and put aside in `sealed`, which is null where nothing is. With them come
 * the clients that were erased, of whose rows nothing but the skeleton is left.
 */
export const sealRows = async <Row extends object>(
  db: Kysely<Tables>,
  table: SealedTable,
  rows: readonly Row[],
): Promise<(Row & { sealed: Buffer | null })[]> => {
  const vault = vaultOf(db)
  if (!vault?.seals) {
    await vault?.keysFor([]) // with sealed rows and no key, none must be added in clear
    return rows.map((row) => ({ ...row, sealed: null }))
  }
  const { columns, ownerOf, onceErased } = contentOf(table)
  const named = Object.entries(columns)
  const parts = rows.map((row) => {
    const skeleton = { ...row } as Record<string, unknown>
    const content: Piece[] = []
    for (const [column, shape] of named) {
      if (!(column in skeleton)) continue
      const part = redact(skeleton[column], typeof shape === 'function' ? shape(skeleton) : shape)
      skeleton[column] = part.skeleton
      for (const [path, value] of part.content) content.push([[column, ...path], value])
    }
    return { row, skeleton, content, owner: ownerOf(skeleton) }
  })
  const owners = parts.flatMap(({ content, owner }) => (content.length > 0 ? [owner] : []))
  const keys = await vault.keysFor(owners)
  const needsOther = onceErased === 'kept' && owners.some((owner) => keys.get(owner) === 'erased')
  const other = needsOther ? (await vault.keysFor([noClient])).get(noClient) : undefined
  return parts.map(({ row, skeleton, content, owner }) => {
    const own = keys.get(owner)
    const key = own === 'erased' ? other : own
    if (content.length === 0 || own === undefined) return { ...row, sealed: null }
    if (key === undefined || key === 'erased') return { ...(skeleton as Row), sealed: null }
    return { ...(skeleton as Row), sealed: sealBytes(key, encodeContent(content), placeOf(table, skeleton)) }
  })
}

/** One row; see `sealRows`. */
export const sealRow = async <Row extends object>(
  db: Kysely<Tables>,
  table: SealedTable,
  row: Row,
): Promise<Row & { sealed: Buffer | null }> => (await sealRows(db, table, [row]))[0]!

/** Rows that a statement gave which says nothing of its table, such as a union; they need `sealed` and the table's key. */
export const openRows = async <Row extends object>(
  db: Kysely<Tables>,
  table: SealedTable,
  rows: readonly Row[],
): Promise<Row[]> => {
  const vault = vaultOf(db)
  return vault ? ((await open(vault, table, rows as unknown as UnknownRow[])) as Row[]) : [...rows]
}

const open = async (vault: Vault, table: SealedTable, rows: readonly UnknownRow[]): Promise<UnknownRow[]> => {
  if (rows.length === 0) return []
  if (!('sealed' in rows[0]!)) {
    const { columns } = contentOf(table)
    const inVain = Object.keys(columns).find((column) => columns[column] !== 'plain' && column in rows[0]!)
    if (inVain !== undefined)
      throw new TypeError(`${inVain} of ${table} is read without sealed, and so without its content`)
    return [...rows]
  }
  const ids = rows.flatMap(({ sealed }) => (Buffer.isBuffer(sealed) ? [keyIdOf(sealed)] : []))
  const keys = ids.length > 0 ? await vault.keysById([...new Set(ids)]) : undefined
  return rows.map(({ sealed, ...row }) => {
    if (!Buffer.isBuffer(sealed)) return row
    const key = keys!.get(keyIdOf(sealed))!
    if (key === 'destroyed') return row
    return restore(row, decodeContent(openBytes(key, sealed, placeOf(table, row)))) as UnknownRow
  })
}

const placeOf = (table: SealedTable, row: Readonly<Record<string, unknown>>): string =>
  JSON.stringify([table, ...contentOf(table).key.map((column) => String(row[column]))])

/** The table whose rows a statement gives: the first it selects from, or the one it changes. */
const tableOf = (node: RootOperationNode): string | undefined => {
  switch (node.kind) {
    case 'SelectQueryNode':
      return nameOf(node.from?.froms[0])
    case 'InsertQueryNode':
      return nameOf(node.into)
    case 'UpdateQueryNode':
      return nameOf(node.table)
    default:
      return undefined
  }
}

const nameOf = (node: { kind: string } | undefined): string | undefined =>
  node?.kind === 'TableNode' ? (node as unknown as TableNode).table.identifier.name : undefined

type TableNode = { table: { identifier: { name: string } } }
