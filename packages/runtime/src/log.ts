import { pino, type DestinationStream, type Logger } from 'pino'

export type Log = Logger

/** How much is logged, the most first. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** Fields that may hold a secret; pino replaces their values wherever they stand in a log line's first three levels. */
const secrets = ['password', 'secret', 'token', 'authorization', 'url', 'databaseUrl', 'amqpUrl', 'eventStoreUrl']
const redactedPaths = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

/** A structured logger: one JSON object a line on standard output, times in ISO 8601. Child loggers bind ids, and follow its level when that changes. */
export const createLog = (options: { service: string; level: string; to?: DestinationStream }): Log => {
  const settings = {
    level: options.level,
    base: { service: options.service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: redactedPaths, censor: '[secret]' },
  }
  return options.to ? pino(settings, options.to) : pino(settings)
}

/** A logger that says nothing; for specs and for code used as a library. */
export const silentLog = (): Log => pino({ level: 'silent' })
