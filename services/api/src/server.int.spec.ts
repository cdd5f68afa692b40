import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { keepDeadLetter } from '@journey/read-model'
import { letterOf } from '@journey/read-model/testing'
import { expect } from 'chai'
import { createChronicle, healthy, start } from './testing/chronicle.js'
import { withHouse } from './testing/house.js'

type Document = {
  openapi: string
  paths: Record<
    string,
    Record<string, { responses: Record<string, unknown>; security?: unknown[]; requestBody?: unknown }>
  >
  components: { schemas: Record<string, Schema> }
}
type Schema = {
  type?: string
  nullable?: boolean
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  $ref?: string
  enum?: unknown[]
}

describe('the OpenAPI document', () => {
  it('has every route of the running server, and no other', () =>
    withHouse(async ({ app }) => {
      const document = (await app.inject('/openapi.json')).json<Document>()
      const described = Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
      )
      const served = routesOf(app.printRoutes({ commonPrefix: false }))

      expect(document.openapi).to.equal('3.0.3')
      expect(described.sort()).to.deep.equal(served.sort())
    }))

  it('refers only to schemas that it has', () =>
    withHouse(async ({ app }) => {
      const text = (await app.inject('/openapi.json')).body
      const { components } = JSON.parse(text) as Document
      const refs = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref)

      expect(refs).to.have.length.greaterThan(20)
      for (const ref of new Set(refs))
        expect(Object.keys(components.schemas)).to.include(ref?.replace('#/components/schemas/', ''))
    }))

  it('describes the answers as they are', () =>
    withHouse(async ({ app, apply, db }) => {
      const { act, events } = createChronicle(healthy)
      act(start('client-123'))
      await apply(events)
      await keepDeadLetter(db, letterOf())
      const { id } = await db.selectFrom('dead_letters').select('id').executeTakeFirstOrThrow()
      const replay = { consumer: 'projector', from: '2026-01-27T10:00:00Z' }
      await app.inject({ method: 'POST', url: '/api/v1/replays', payload: replay })
      const { components } = (await app.inject('/openapi.json')).json<Document>()
      const answers: [schema: string, url: string][] = [
        ['Journey', '/journeys/client-123'],
        ['JourneyPage', '/journeys'],
        ['Why', '/journeys/client-123/why'],
        ['History', '/journeys/client-123/history'],
        ['TransitionPage', '/journeys/client-123/transitions'],
        ['UnitOfWorkPage', '/journeys/client-123/units-of-work'],
        ['ExitCriteria', '/journeys/client-123/exit-criteria'],
        ['ApprovalPage', '/approvals'],
        ['ReplayPage', '/replays'],
        ['DeadLetterPage', '/dead-letters'],
        ['DeadLetterGroups', '/dead-letters/groups'],
        ['DeadLetter', `/dead-letters/${id}`],
        ['EventPage', '/events?limit=5'],
        ['Stats', '/stats'],
        ['Problem', '/journeys/nobody'],
      ]
      for (const [name, url] of answers) {
        const answer = (await app.inject(`/api/v1${url}`)).json<unknown>()
        expect(differences(answer, components.schemas[name]!, components.schemas, name)).to.deep.equal([])
      }
    }))
})

describe('a server with a token', () => {
  const token = 'a-token-for-specs'

  it('lets in only who shows it', () =>
    withHouse(
      async ({ app }) => {
        const status = async (authorization?: string) => {
          const answer = await app.inject({ url: '/api/v1/journeys', headers: authorization ? { authorization } : {} })
          return [answer.statusCode, answer.headers['www-authenticate']]
        }
        expect(await status()).to.deep.equal([401, 'Bearer'])
        expect(await status('Basic eDp5')).to.deep.equal([401, 'Bearer'])
        expect(await status('Bearer another')).to.deep.equal([401, 'Bearer error="invalid_token"'])
        expect(await status(`Bearer ${token}x`)).to.deep.equal([401, 'Bearer error="invalid_token"'])
        expect(await status(`Bearer ${token}`)).to.deep.equal([200, undefined])
        expect(await status(`bearer ${token}`)).to.deep.equal([200, undefined])
      },
      { token },
    ))

  it('keeps what operators ask open', () =>
    withHouse(
      async ({ app }) => {
        for (const url of ['/health', '/ready', '/metrics', '/openapi.json', '/docs/'])
          expect([url, (await app.inject(url)).statusCode]).to.deep.equal([url, 200])
      },
      { token },
    ))
})

describe('a server without a token', () => {
  it('serves loopback names alone, so that no web page gets in under a name of its own', () =>
    withHouse(async ({ app }) => {
      const status = async (host: string) =>
        (await app.inject({ url: '/api/v1/journeys', headers: { host } })).statusCode
      expect(await status('127.0.0.1:8080')).to.equal(200)
      expect(await status('localhost')).to.equal(200)
      expect(await status('[::1]:8080')).to.equal(200)
      expect(await status('evil.test')).to.equal(421)
      expect(await status('127.0.0.1.evil.test')).to.equal(421)
    }))
})

describe('every answer', () => {
  it('forbids guessing its type, framing and keeping it', () =>
    withHouse(async ({ app }) => {
      for (const url of ['/api/v1/journeys', '/api/v1/nothing', '/health'])
        expect((await app.inject(url)).headers).to.deep.include({
          'x-content-type-options': 'nosniff',
          'x-frame-options': 'DENY',
          'cache-control': 'no-store',
        })
    }))

  it('is counted by its route and status', () =>
    withHouse(async ({ app }) => {
      await app.inject('/api/v1/journeys/nobody')
      await app.inject('/api/v1/journeys/nobody-else')
      const metrics = (await app.inject('/metrics')).body
      const route = '/api/v1/journeys/:client_id'
      expect(metrics).to.match(
        new RegExp(`http_request_duration_seconds_count\\{.*method="GET",route="${route}",status="404".*\\} 2`),
      )
    }))
})

describe('a request that no route takes', () => {
  it('is told the right method where there is one', () =>
    withHouse(async ({ app }) => {
      const { statusCode, headers, body } = await app.inject({
        method: 'DELETE',
        url: '/api/v1/journeys/client-123?x=1',
      })
      expect([statusCode, headers.allow]).to.deep.equal([405, 'GET, HEAD'])
      expect(JSON.parse(body)).to.deep.include({ code: 'route/method_not_allowed' })
      expect((await app.inject({ method: 'DELETE', url: '/api/v1/nothing' })).statusCode).to.equal(404)
    }))

  it('is answered by a problem even when it is no HTTP, or too much of it', () =>
    withHouse(async ({ app }) => {
      await app.listen({ host: '127.0.0.1', port: 0 })
      const { port } = app.server.address() as AddressInfo
      const answer = async (text: string) => {
        const socket = connect(port, '127.0.0.1')
        let received = ''
        socket.on('data', (chunk: Buffer) => (received += chunk.toString())).end(text)
        await once(socket, 'close')
        const [head = '', body = ''] = received.split('\r\n\r\n')
        return [
          Number(head.split(' ')[1]),
          head.includes('application/problem+json'),
          (JSON.parse(body) as { code: string }).code,
        ]
      }
      expect(await answer('GARBAGE\r\n\r\n')).to.deep.equal([400, true, 'request/unreadable'])
      const large = `GET /health HTTP/1.1\r\nhost: localhost\r\nx-large: ${'x'.repeat(20_000)}\r\n\r\n`
      expect(await answer(large)).to.deep.equal([431, true, 'request/unreadable'])
    }))
})

/** The routes of fastify's own tree, as the document writes them; what the page under /docs loads is its own affair. */
const routesOf = (tree: string): string[] => {
  const path: string[] = []
  const routes: string[] = []
  for (const line of tree.split('\n')) {
    const [, indent, part, methods] = /^([│ ]*)[├└]── (\S*)(?: \(([A-Z, ]+)\))?/.exec(line) ?? []
    if (indent === undefined || part === undefined) continue
    path.length = indent.length / 4
    path.push(part)
    const url = path.join('').replace(/:(\w+)/g, '{$1}')
    if (methods && url !== '/' && !url.startsWith('/docs'))
      for (const method of methods.split(', ')) if (method !== 'HEAD') routes.push(`${method} ${url}`)
  }
  return [...new Set(routes)]
}

/** Where a value is not as its schema says: missing, unknown or of another type. */
const differences = (value: unknown, given: Schema, schemas: Record<string, Schema>, path: string): string[] => {
  const schema = given.$ref ? schemas[given.$ref.replace('#/components/schemas/', '')]! : given
  if (value === null) return schema.nullable ? [] : [`${path} is null`]
  if (schema.enum && !schema.enum.includes(value)) return [`${path} is ${JSON.stringify(value)}`]
  if (schema.type === 'array')
    return Array.isArray(value)
      ? value.flatMap((one, n) => differences(one, schema.items ?? {}, schemas, `${path}[${n}]`))
      : [`${path} is no list`]
  if (schema.type === 'object') {
    if (typeof value !== 'object') return [`${path} is no object`]
    const { properties } = schema
    if (!properties) return []
    const fields = value as Record<string, unknown>
    return [
      ...(schema.required ?? []).filter((name) => !(name in fields)).map((name) => `${path}.${name} is missing`),
      ...Object.keys(fields)
        .filter((name) => !(name in properties))
        .map((name) => `${path}.${name} is not described`),
      ...Object.entries(properties).flatMap(([name, one]) =>
        name in fields ? differences(fields[name], one, schemas, `${path}.${name}`) : [],
      ),
    ]
  }
  const type =
    typeof value === 'number' && Number.isInteger(value) && schema.type === 'integer' ? 'integer' : typeof value
  return schema.type === undefined || schema.type === type ? [] : [`${path} is a ${type}, not a ${schema.type}`]
}
