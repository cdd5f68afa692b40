import { hasContentInClear, type MasterKeys } from '@journey/contracts'
import { journeyStream, unitOfWorkStream } from '@journey/domain'
import type { EventStore } from '@journey/event-store'
import {
  confirmWithinMinutes,
  eraseClient,
  erasuresOf,
  keyCounts,
  readableRevisions,
  refuseActive,
  requestErasure,
  rewrapKeys,
  workIdsOf,
  type Database,
  type ErasureRow,
} from '@journey/read-model'
import type { FastifyInstance } from 'fastify'
import { randomUUID } from 'node:crypto'
import { actorOf } from '../actor.js'
import { answers } from '../openapi/document.js'
import { isUuid } from '../paging.js'
import { problem } from '../problems.js'

/** @param store events as they are stored, sealed or not */
export type PrivacyOptions = { store: Pick<EventStore, 'readEach' | 'readLast'>; masterKeys: MasterKeys | undefined }

/** Keys wrapped anew by one request; some 100 ms of work. */
const rewrappedAtOnce = 500

export const privacyRoutes = (
  app: FastifyInstance,
  db: Database['db'],
  { store, masterKeys }: PrivacyOptions,
): void => {
  app.get(
    '/encryption',
    {
      schema: {
        tags: ['privacy'],
        summary: 'Whether content is sealed, and how many data keys there are under each master key',
        response: answers({ 200: 'Encryption' }),
      },
    },
    async () => {
      const { byMasterKey, destroyed } = await keyCounts(db)
      return {
        status: masterKeys ? 'on' : 'off',
        master_key: masterKeys?.current.id ?? null,
        data_keys: [...byMasterKey].map(([id, count]) => ({
          master_key: id,
          known: masterKeys?.known.has(id) ?? false,
          count,
        })),
        destroyed,
      }
    },
  )

  app.post(
    '/encryption/rotation',
    {
      schema: {
        tags: ['privacy'],
        summary:
          'Wrap some data keys with the present master key; call again until none is left, and then drop the old keys',
        response: answers({ 200: 'Rotation' }),
      },
    },
    () => rewrapKeys(db, switchedOn(masterKeys), rewrappedAtOnce),
  )

  app.post<{ Params: { client_id: string }; Body: { reason: string } | { confirm: string } }>(
    '/clients/:client_id/erasure',
    {
      schema: {
        tags: ['privacy'],
        summary: 'Destroy the data key of a client, and so all content that is kept of it, for good',
        description:
          'Two calls: the first, with `reason`, tells what would go; the second, with the `confirm` it gave, within 15 minutes, does it. Refused while the journey is under way.',
        params: { type: 'object', properties: { client_id: { type: 'string', minLength: 1, maxLength: 255 } } },
        body: {
          type: 'object',
          additionalProperties: false,
          minProperties: 1,
          maxProperties: 1,
          properties: {
            reason: { type: 'string', minLength: 1, maxLength: 2000 },
            confirm: { type: 'string', minLength: 1, maxLength: 100 },
          },
        },
        response: answers({ 200: 'Erasure' }),
      },
    },
    async (request) => {
      const { client_id: clientId } = request.params
      switchedOn(masterKeys)
      const { body } = request
      const by = actorOf(request)
      await refuseActive(db, clientId)
      await isReadModelCurrent(db, store, clientId)
      if ('reason' in body) {
        const inClear = await eventsInClear(db, store, clientId)
        const { erasure, removes } = await requestErasure(db, { id: randomUUID(), clientId, reason: body.reason, by })
        const until = new Date(Date.parse(erasure.requested_at) + confirmWithinMinutes * 60_000)
        return {
          ...view(erasure),
          confirm: erasure.id,
          confirm_until: until.toISOString(),
          removes,
          events_in_clear: inClear,
        }
      }
      const erased = isUuid(body.confirm) ? await eraseClient(db, { id: body.confirm, clientId, by }) : undefined
      if (erased) return view(erased)
      throw problem(
        404,
        'privacy/erasure_unknown',
        `Nobody asked within ${confirmWithinMinutes} minutes under this confirmation that client ${clientId} be erased: ask with a reason first`,
      )
    },
  )

  app.get<{ Querystring: { client_id?: string; limit: number } }>(
    '/erasures',
    {
      schema: {
        tags: ['privacy'],
        summary: 'Who was asked to be erased, by whom and why, and who was; the latest first',
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: {
            client_id: { type: 'string' },
            limit: { type: 'integer', minimum: 1, maximum: 500, default: 50 },
          },
        },
        response: answers({ 200: 'ErasureList' }),
      },
    },
    async ({ query: { client_id: clientId, limit } }) => ({
      items: (await erasuresOf(db, { clientId, limit })).map(view),
    }),
  )
}

const switchedOn = (masterKeys: MasterKeys | undefined): MasterKeys => {
  if (masterKeys) return masterKeys
  throw problem(
    409,
    'privacy/encryption_off',
    'Nothing is sealed, so there is no key to rotate or to destroy: set JOURNEY_ENCRYPTION_KEY for all services',
  )
}

/** A journey that was just started and is not read yet must not lose its content. */
const isReadModelCurrent = async (
  db: Database['db'],
  store: PrivacyOptions['store'],
  clientId: string,
): Promise<void> => {
  const stream = journeyStream(clientId)
  const [last, revisions] = [await store.readLast(stream), await readableRevisions(db, [stream])]
  if (last && last.revision > (revisions.get(stream) ?? -1))
    throw problem(412, 'revision/not_reached', `The read model has not all of ${stream} yet: ask again`)
}

/** What was stored before encryption was on stays on the disk of the event store, though nobody is shown it any more. */
const eventsInClear = async (db: Database['db'], store: PrivacyOptions['store'], clientId: string): Promise<number> => {
  const works = await workIdsOf(db, clientId)
  let count = 0
  for (const stream of [journeyStream(clientId), ...works.map(unitOfWorkStream)])
    for await (const event of store.readEach(stream)) if (hasContentInClear(event)) count += 1
  return count
}

const view = ({ client_id, reason, requested_by, requested_at, confirmed_by, erased_at, removed }: ErasureRow) => ({
  client_id,
  reason,
  requested_by,
  requested_at,
  confirmed_by,
  erased_at,
  removed,
})
