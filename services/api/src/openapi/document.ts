import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import type { Schema } from '@journey/contracts'
import { schemas } from './schemas.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body's schema, for the document alone: bodies are validated by their data class, which names every field. */
    body?: Schema
    /** Open to everyone, without a token. */
    open?: boolean
  }
}

/** Serves `/openapi.json` (OpenAPI 3.0.3) and `/docs`; to be registered before the routes that it describes. */
export const serveDocument = async (
  app: FastifyInstance,
  options: { version: string; needsToken: boolean },
): Promise<void> => {
  for (const [name, schema] of Object.entries(schemas)) app.addSchema({ $id: name, ...schema })
  await app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: {
        title: 'Journey orchestrator',
        version: options.version,
        description:
          'Brings clients from Sandbox through Pilot to Production. Commands go over the bus; reads come from the read model.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: options.needsToken ? [{ token: [] }] : [],
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => (json.$id as string | undefined) ?? `schema-${i}`,
    },
    transform: ({ schema, url, route }) => ({
      url,
      schema: {
        ...schema,
        ...(route.config?.body && { body: route.config.body }),
        ...(route.config?.open && { security: [] }),
      },
    }),
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    transformStaticCSP: overPlainHttp,
    uiConfig: { persistAuthorization: true },
  })
  app.get(
    '/openapi.json',
    {
      schema: { tags: ['operations'], summary: 'This document', response: { 200: { type: 'object' } } },
      config: { open: true },
    },
    () => app.swagger(),
  )
}

/** The answers of a route: what it says when all is well, and the problem it says otherwise. */
export const answers = (byStatus: Record<number, string>): Record<string, object> => ({
  ...Object.fromEntries(
    Object.entries(byStatus).map(([status, name]) => [status, { description: name, $ref: `${name}#` }]),
  ),
  '4xx': problemAnswer,
  '5xx': problemAnswer,
})

const problemAnswer = {
  description: 'What went wrong',
  content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
}

/** The page is served over plain HTTP, too, and asks nobody else to look at the document. */
const overPlainHttp = (policy: string): string =>
  policy.replace('upgrade-insecure-requests;', '').replace(' validator.swagger.io', '')
