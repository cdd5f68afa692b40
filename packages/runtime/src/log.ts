import { pino, type DestinationStream, type Logger } from 'pino'

export type Log = Logger

/** How much is logged, the most first. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** Fields that may hold a secret: their values are replaced wherever they stand in a log line's first three levels, and in the first of what a child logger binds. */
const secrets = ['password', 'secret', 'token', 'authorization', 'url', 'databaseUrl', 'amqpUrl', 'eventStoreUrl']
const isSecret = new Set(secrets)
const censor = '[secret]'
const allLevels = 3

/**
 * Ours instead of pino's `redact`, which costs more than all else of a line. Copies only what holds a secret. Of an error only what
 * hangs on it is looked at, as no more of it is written; the one under `err` is left to its serializer, which writes it whole.
 */
const withoutSecrets = (fields: Fields, levels = allLevels): Fields => {
  let clean = fields
  for (const [name, value] of Object.entries(fields)) {
    const isLeft = levels === 1 || !isOpen(value) || (value instanceof Error && name === 'err' && levels === allLevels)
    const told = isSecret.has(name) ? censor : isLeft ? value : withoutSecrets(value, levels - 1)
    if (told === value) continue
    if (clean === fields) clean = (Array.isArray(fields) ? [...(fields as unknown[])] : { ...fields }) as Fields
    clean[name] = told
  }
  return clean
}

type Fields = Record<string, unknown>

/** What is written field by field; what has a `toJSON` writes itself. */
const isOpen = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !('toJSON' in value)

const settings = {
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (label: string) => ({ level: label }), log: (fields: Fields) => withoutSecrets(fields) },
  serializers: {
    ...Object.fromEntries(secrets.map((name) => [name, () => censor])), // what a child logger binds comes by here alone
    err: (error: Error) => withoutSecrets(pino.stdSerializers.err(error), allLevels - 1),
  },
}

/** A structured logger: one JSON object a line on standard output, times in ISO 8601. Child loggers bind ids, and follow its level when that changes. */
export const createLog = ({ service, level, to }: { service: string; level: string; to?: DestinationStream }): Log => {
  const ours = { ...settings, level, base: { service } }
  return to ? pino(ours, to) : pino(ours)
}

/** A logger that says nothing; for specs and for code used as a library. */
export const silentLog = (): Log => pino({ level: 'silent' })
