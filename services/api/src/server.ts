import type { Storage } from '@journey/archive'
import { bodyLimit, readJson } from '@journey/contracts'
import type { Stage } from '@journey/domain'
import type { Database } from '@journey/read-model'
import { codeOf, type Check, type Log } from '@journey/runtime'
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { Histogram, type Registry } from 'prom-client'
import type { Broadcast } from './control/broadcast.js'
import type { Desk } from './desk.js'
import type { Freshness } from './journeys/freshness.js'
import { createTheJourney } from './journeys/the-journey.js'
import { serveDocument } from './openapi/document.js'
import { problemOf, type Problem } from './problems.js'
import { answerBrokenRequest, answerUnrouted } from './routing.js'
import { agentRoutes } from './routes/agents.js'
import { approvalRoutes } from './routes/approvals.js'
import { archiveRoutes } from './routes/archive.js'
import { commandRoutes } from './routes/commands.js'
import { controlRoutes } from './routes/control.js'
import { deadLetterRoutes } from './routes/dead-letters.js'
import { eventRoutes, type EventRoutes } from './routes/events.js'
import { historyRoutes } from './routes/history.js'
import { journeyCommands } from './routes/journey-commands.js'
import { journeyRoutes } from './routes/journeys.js'
import { othersRoutes } from './routes/others.js'
import { operationRoutes } from './routes/operations.js'
import { privacyRoutes, type PrivacyOptions } from './routes/privacy.js'
import { replayRoutes } from './routes/replays.js'
import { statsRoutes } from './routes/stats.js'
import { unitOfWorkRoutes } from './routes/units-of-work.js'
import { bearer, onlyLoopbackNames, securityHeaders } from './security.js'
import type { Stats } from './system/stats.js'
import type { Triage } from './triage/triage.js'

export type ServerOptions = {
  db: Database['db']
  desk: Desk
  triage: Triage
  freshness: Freshness
  checks: Record<string, Check>
  registry: Registry
  log: Log
  version: string
  /** Without one nobody needs a token, and only loopback names are served. */
  token?: string | undefined
  aliveWithinMs: number
  /** The stages with how long each should take. */
  stages: readonly Stage[]
  /** Whether a queue of that name stands on the broker. @throws unavailable `broker/…` */
  queueExists: (queue: string) => Promise<boolean>
  /** Undefined where nothing is archived. */
  archive: Storage | undefined
  privacy: PrivacyOptions
  broadcast: Broadcast
  events: EventRoutes
  stats: () => Promise<Stats>
}

/** The HTTP server with all its routes, ready to listen. */
export const createServer = async (options: ServerOptions): Promise<FastifyInstance> => {
  const { db, desk, freshness, checks, registry, log, version, token, aliveWithinMs } = options
  const app = fastify({
    bodyLimit,
    // The longest id there is, percent-encoded, fits twice.
    routerOptions: { maxParamLength: 2048 },
    ajv: { customOptions: { allErrors: true, removeAdditional: false, coerceTypes: true } },
    forceCloseConnections: 'idle',
    // Whoever sends more slowly than this keeps a connection for nothing.
    requestTimeout: 30_000,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, _request, reply) => void sendProblem(problemOf(error), reply),
  })
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, body.length === 0 ? undefined : readJson(body))
    } catch (error) {
      done(error as Error)
    }
  })
  app.addHook('onRequest', securityHeaders)
  answerUnrouted(app, sendProblem)
  app.setErrorHandler((error, request, reply) => {
    const found = problemOf(error)
    if (found.status >= 500) tell(log, error, request, found)
    return sendProblem(found, reply)
  })
  measure(app, registry)
  await serveDocument(app, { version, needsToken: token !== undefined })

  operationRoutes(app, { checks, registry })
  app.get('/', { schema: { hide: true }, config: { open: true } }, (_request, reply) => reply.redirect('/docs'))
  await app.register(
    (api, _options, done) => {
      api.addHook('onRequest', token === undefined ? onlyLoopbackNames : bearer(token))
      const theJourney = createTheJourney(db, freshness)
      journeyRoutes(api, db, theJourney, options.stages)
      historyRoutes(api, db, theJourney)
      journeyCommands(api, desk)
      unitOfWorkRoutes(api, db, desk, freshness)
      approvalRoutes(api, db, desk)
      commandRoutes(api, desk)
      deadLetterRoutes(api, db, options.triage)
      agentRoutes(api, db, aliveWithinMs)
      othersRoutes(api, db)
      replayRoutes(api, db, options.queueExists)
      archiveRoutes(api, db, options.archive)
      privacyRoutes(api, db, options.privacy)
      eventRoutes(api, options.events)
      statsRoutes(api, options.stats)
      controlRoutes(api, options.broadcast)
      done()
    },
    { prefix: '/api/v1' },
  )
  // Whoever waits for an outcome is let go, so that closing does not take as long as the longest wait.
  app.addHook('preClose', (done) => {
    desk.stop()
    freshness.stop()
    options.events.feed.stop()
    done()
  })
  return app
}

const sendProblem = (found: Problem, reply: FastifyReply): FastifyReply => {
  if (found.status === 503) void reply.header('retry-after', '1')
  return reply.code(found.status).type('application/problem+json').send(JSON.stringify(found))
}

/** What a server is away for is told by `/ready` and its own log; a bug is told here. */
const tell = (log: Log, error: unknown, { method, routeOptions }: FastifyRequest, found: Problem): void => {
  const fields = { method, route: routeOptions.url, status: found.status, code: found.code }
  if (codeOf(error) === 'internal/bug' && found.code === 'internal/bug')
    log.error({ ...fields, err: error }, 'a request failed')
  else log.warn(fields, 'a request could not be served')
}

const measure = (app: FastifyInstance, registry: Registry): void => {
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from a request to its answer, by route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  })
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown'
    // A live feed takes as long as its reader likes.
    if (!route.endsWith('/events/live'))
      duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000)
    done()
  })
}
