export { inBatches, type Batching } from './batches.js'
export {
  Fault,
  codeOf,
  conflict,
  familyOf,
  malformed,
  messageOf,
  unavailable,
  type Detail,
  type Family,
} from './errors.js'
export { createFigures, type Figure } from './figures.js'
export { healthServer, readiness, type Check, type Readiness } from './health.js'
export { asPart, inOrder, inTheBackground, runUntilSignal, type Part } from './lifecycle.js'
export { createLog, logLevels, silentLog, type Log, type LogLevel } from './log.js'
export { createRegistry } from './metrics.js'
export { ServerSettings } from './servers.js'
export { FromEnv, readSettings, variablesOf, type Environment } from './settings.js'
export { Turns } from './turns.js'
