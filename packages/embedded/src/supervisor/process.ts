import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf, unavailable, type Environment, type Log, type Part } from '@journey/runtime'
import type { Account } from '../state/home.js'
import { forgetProcess, noteProcess, stopLeftovers } from './leftovers.js'
import { boundLog, openLog, sizeOf, tailOf } from './log-file.js'
import { recoveredAfterMs, restartDelayMs } from './restart-delay.js'

export type ProcessOptions = {
  name: string
  command: string
  args: readonly string[]
  /** The whole environment of the child; nothing is inherited. */
  env: Environment
  cwd?: string
  /** The account to run as; ours when left out. */
  account?: Account | undefined
  /** Where its number is noted (`pids/`) and its output goes (`logs/<name>.log`). */
  stateDir: string
  log: Log
  /** Resolves when the process does its work; the signal aborts when it died or is to stop. */
  ready: (signal: AbortSignal) => Promise<void>
  /** How long the first start may take until it is ready; 60 s by default. */
  readyLimitMs?: number
  /** Runs before each start, the first and every later one. */
  prepare?: () => void
  /** How many deaths before it was ever ready end the first start; 1 by default. */
  startAttempts?: number
  /** Asks it to stop; SIGTERM by default. */
  stopSignal?: NodeJS.Signals
  /** How long it may take to stop before it is killed; 30 s by default. */
  stopLimitMs?: number
}

export type SupervisedProcess = Part & {
  /** The number of the living process; undefined between death and restart. */
  pid(): number | undefined
  /** How many times it was started again after a death. */
  restarts(): number
}

/** One run of the program, from start to death. */
type Life = { child: ChildProcess; gone: Promise<string>; over: AbortSignal }

/**
 * Keeps one child process running: started again whenever it dies, with a growing delay; stopped with a signal, then
 * SIGKILL. The child does not outlive us: on Linux the kernel signals it when we die, however we die, and elsewhere the
 * next start from the same folder stops it first. It runs in a session of its own, so that Ctrl-C reaches us alone.
 *
 * `start()` resolves when it is ready for the first time.
 *
 * @throws unavailable `embedded/process_failed` with the last lines of its log
 */
export const createProcess = (options: ProcessOptions): SupervisedProcess => {
  const { name, stateDir, log } = options
  const { stopSignal = 'SIGTERM', stopLimitMs = 30_000, readyLimitMs = 60_000, startAttempts = 1 } = options
  const logFile = join(stateDir, 'logs', `${name}.log`)
  let life: Life | undefined
  let logFrom = 0
  let restarts = 0
  let running: { stop: AbortController; over: Promise<void> } | undefined

  const failure = (what: string) =>
    unavailable(
      'embedded/process_failed',
      `${name} ${what}. Its last lines in ${logFile}:\n${tailOf(logFile, logFrom)}`,
    )

  const launch = (): Life => {
    const output = openLog(logFile)
    logFrom = sizeOf(logFile)
    const child = spawnBound(options, stopSignal, output)
    closeSync(output)
    if (child.pid !== undefined) noteProcess(stateDir, name, child.pid, stopSignal)
    const over = new AbortController()
    const gone = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(`could not be started (${messageOf(error)})`))
      child.once('exit', (code, signal) =>
        resolve(signal ? `was ended by ${signal}` : `exited with code ${code ?? '?'}`),
      )
    }).then((how) => {
      life = undefined
      forgetProcess(stateDir, name)
      over.abort()
      return how
    })
    return (life = { child, gone, over: over.signal })
  }

  /** Runs the program once, and says how it ended. */
  const runOnce = async (stop: AbortSignal, onReady: () => void): Promise<string> => {
    try {
      options.prepare?.()
      const { gone, over } = launch()
      // What rejects it, its death or the stop, is told by the caller.
      options.ready(AbortSignal.any([stop, over])).then(onReady, () => undefined)
      return await gone
    } catch (error) {
      return `could not be started (${messageOf(error)})` // a full disk, too many open files
    }
  }

  const keepRunning = async (stop: AbortSignal, onReady: () => void): Promise<void> => {
    const state = { wasReady: false }
    let deaths = 0
    while (!isAborted(stop)) {
      const begun = Date.now()
      const how = await runOnce(stop, () => {
        if (state.wasReady) log.info({ process: name }, 'a process is ready again')
        state.wasReady = true
        onReady()
      })
      if (isAborted(stop)) return
      deaths = Date.now() - begun >= recoveredAfterMs ? 1 : deaths + 1
      if (!state.wasReady && deaths >= startAttempts) throw failure(`${how} before it was ready`)
      const delayMs = restartDelayMs(deaths)
      log.warn({ process: name, how, delayMs }, 'a process died and is started again')
      await sleep(delayMs, undefined, { signal: stop }).catch(() => undefined)
      if (!isAborted(stop)) restarts++
    }
  }

  const end = async ({ child, gone }: Life): Promise<void> => {
    child.kill(stopSignal)
    const limit = setTimeout(() => {
      log.warn({ process: name, stopLimitMs }, 'a process did not stop in time and is killed')
      child.kill('SIGKILL')
    }, stopLimitMs)
    await gone
    clearTimeout(limit)
  }

  const stop = async (): Promise<void> => {
    if (!running) return
    const { stop, over } = running
    stop.abort()
    if (life) await end(life)
    await over
    running = undefined
  }

  return {
    name,
    pid: () => life?.child.pid,
    restarts: () => restarts,
    stop,
    start: async () => {
      if (running) return
      const stopping = new AbortController()
      const bounding = setInterval(() => boundLog(logFile), 60_000).unref()
      let limit: NodeJS.Timeout | undefined
      try {
        await new Promise<void>((resolve, reject) => {
          limit = setTimeout(() => reject(failure(`was not ready within ${readyLimitMs / 1000} s`)), readyLimitMs)
          const over = stopLeftovers(stateDir, name)
            .then(() => keepRunning(stopping.signal, resolve))
            .then(() => reject(failure('was stopped before it was ready')), reject)
            .finally(() => clearInterval(bounding))
          running = { stop: stopping, over }
        })
      } catch (error) {
        await stop()
        throw error
      } finally {
        clearTimeout(limit)
      }
    },
  }
}

/** A function, since the compiler believes that a signal once seen unset stays so. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted

/** util-linux; it becomes the program itself, so the number stays the same. */
const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => process.platform === 'linux' && existsSync(file))

/** The kernel sends `stopSignal` to the child when its parent dies (prctl(2), PR_SET_PDEATHSIG). */
const spawnBound = (options: ProcessOptions, stopSignal: NodeJS.Signals, output: number): ChildProcess => {
  const own = [options.command, ...options.args]
  const bound = setpriv ? [setpriv, '--pdeathsig', stopSignal.slice('SIG'.length), '--', ...own] : own
  return spawn(bound[0]!, bound.slice(1), {
    env: options.env,
    stdio: ['ignore', output, output],
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.account ? { uid: options.account.uid, gid: options.account.gid } : {}),
  })
}
