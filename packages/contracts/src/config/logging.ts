import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, logLevels, messageOf, type Detail, type Log, type LogLevel } from '@journey/runtime'
import { readYaml } from './yaml.js'
import { invalid } from './problems.js'

/** The file that says how much the services log; it need not be there. */
export const loggingFile = 'logging.yaml'

type LoggingFile = { logging: { level?: LogLevel; services?: Record<string, LogLevel> } }

/** What of a service's settings its level hangs on: the environment's, and where the files are. */
export type LevelSettings = { logLevel?: LogLevel | undefined; configDir: string }

/** How much a service is to log, and who says so: the environment, else its own line in the file, else the file's for all, else `info`. @throws malformed `config/invalid` */
export const logLevelOf = (
  service: string,
  { logLevel, configDir }: LevelSettings,
): { level: LogLevel; from: string } => {
  if (logLevel !== undefined) return { level: logLevel, from: 'LOG_LEVEL' }
  const file = join(configDir, loggingFile)
  if (!existsSync(file)) return { level: 'info', from: 'default' }
  const problems: Detail[] = []
  const content = readYaml(file, loggingFile, problems) as LoggingFile | undefined
  if (problems.length > 0) throw invalid(problems)
  const level = content?.logging.services?.[service] ?? content?.logging.level
  return level === undefined ? { level: 'info', from: 'default' } : { level, from: file }
}

/** Brings a log, and all loggers made from it, to the level that the settings say now, or that was ordered. What is wrong is told, and the level stays. */
export const applyLogLevel = (log: Log, service: string, settings: LevelSettings, ordered?: LogLevel): void => {
  try {
    const { level, from } = ordered === undefined ? logLevelOf(service, settings) : { level: ordered, from: 'an order' }
    const tell = () => log.info({ level, from }, 'this much is logged from now on')
    const isLouder = logLevels.indexOf(level) < logLevels.indexOf(log.level as LogLevel)
    if (!isLouder) tell()
    log.level = level
    if (isLouder) tell()
  } catch (error) {
    log.error({ code: codeOf(error), reason: messageOf(error), level: log.level }, 'the log level stays as it was')
  }
}
