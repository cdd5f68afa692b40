import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { unavailable, type Environment, type Log } from '@journey/runtime'
import { createProcess, type SupervisedProcess } from '../supervisor/process.js'
import { untilReady } from './health.js'

/** Every service, by the name of its folder below `services/`; the reference agents count as one. */
export const serviceNames = [
  'command-handler',
  'event-relay',
  'projector',
  'saga-processor',
  'notifier',
  'api',
  'agents',
] as const

/**
 * One service as a process of its own, ready when its `/ready` says so.
 *
 * @throws unavailable `embedded/not_built`
 */
export const createServiceProcess = (options: {
  root: string
  name: string
  stateDir: string
  healthPort: number
  env: Environment
  log: Log
}): SupervisedProcess => {
  const { root, name, stateDir, healthPort, env, log } = options
  const main = join(root, 'services', name, 'dist/main.js')
  if (!existsSync(main)) throw unavailable('embedded/not_built', `${main} is missing: run npm run build`)
  return createProcess({
    name,
    command: process.execPath,
    args: ['--enable-source-maps', main],
    env: { ...env, JOURNEY_HEALTH_HOST: '127.0.0.1', JOURNEY_HEALTH_PORT: String(healthPort) },
    cwd: root,
    stateDir,
    log,
    ready: (signal) => untilReady(`http://127.0.0.1:${healthPort}`, signal),
  })
}
