import { readFileSync } from 'node:fs'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { parseDocument } from 'yaml'
import type { Detail } from '@journey/runtime'
import { attempt, problem } from './problems.js'
import { definitionsSchema, loggingSchema, orchestratorSchema } from './schema.js'

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strictTypes: false })
const checkOrchestrator = ajv.compile(orchestratorSchema)
const checkDefinitions = ajv.compile(definitionsSchema)
const checkLogging = ajv.compile(loggingSchema)

const checks: Record<string, ValidateFunction> = {
  'journey-orchestrator.yaml': checkOrchestrator,
  'logging.yaml': checkLogging,
}

/** Reads one of the configuration files and holds it against its schema; what is wrong joins the problems. */
export const readYaml = (path: string, name: string, problems: Detail[]): unknown => {
  const text = attempt(() => readFileSync(path, 'utf8'), problems, `${path}: `)
  if (text === undefined) return undefined
  const document = parseDocument(text, { prettyErrors: true })
  for (const error of document.errors)
    problems.push(problem(path, 'yaml', error.message.split('\n')[0] ?? error.message))
  if (document.errors.length > 0) return undefined
  const content: unknown = document.toJS()
  const check = checks[name] ?? checkDefinitions
  if (!check(content))
    for (const error of check.errors ?? [])
      problems.push(
        problem(`${path}: ${pathOf(error)}`, 'invalid', `${error.message ?? 'is not valid'}${allowedIn(error)}`),
      )
  return content
}

const pathOf = ({ instancePath, keyword, params }: ErrorObject): string => {
  const path = instancePath
    .replace(/\/(\d+)/g, '[$1]')
    .replace(/\//g, '.')
    .replace(/^\./, '')
  const field =
    keyword === 'additionalProperties'
      ? (params.additionalProperty as string)
      : keyword === 'required'
        ? (params.missingProperty as string)
        : ''
  return [path, field].filter(Boolean).join('.') || 'the top'
}

const allowedIn = ({ keyword, params }: ErrorObject): string =>
  keyword === 'enum' ? `: ${(params.allowedValues as unknown[]).join(', ')}` : ''
