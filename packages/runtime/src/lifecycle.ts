import type { Log } from './log.js'

/** Whatever starts can be stopped: `stop()` twice is fine, before `start()` is fine, and it drains. */
export interface Part {
  readonly name: string
  start(): Promise<void>
  stop(): Promise<void>
}

/** Starts parts in order and stops them in the reverse order. A part that fails to start stops those before it. */
export const inOrder = (name: string, parts: readonly Part[], log?: Log): Part => {
  const started: Part[] = []
  const stop = async () => {
    for (let part = started.pop(); part; part = started.pop()) {
      log?.debug({ part: part.name }, 'stopping')
      await part.stop()
    }
  }
  return {
    name,
    start: async () => {
      for (const part of parts) {
        log?.debug({ part: part.name }, 'starting')
        started.push(part)
        try {
          await part.start()
        } catch (error) {
          await stop()
          throw error
        }
      }
    },
    stop,
  }
}

/** Something that is there from the beginning and only wants stopping, as a part. */
export const asPart = (name: string, server: { stop(): Promise<void> }): Part => ({
  name,
  start: () => Promise.resolve(),
  stop: () => server.stop(),
})

/** Work that goes on beside the rest until its signal comes; stopping waits for its end. */
export const inTheBackground = (name: string, work: (signal: AbortSignal) => Promise<void>): Part => {
  const stopping = new AbortController()
  let working: Promise<void> | undefined
  return {
    name,
    start: () => {
      working ??= work(stopping.signal)
      return Promise.resolve()
    },
    stop: async () => {
      stopping.abort()
      await working
    },
  }
}

/**
 * Runs one service until SIGTERM or SIGINT, then stops it in order and exits 0; a stop that takes over 25 s is cut short
 * with exit 1. A failed start is logged and exits 1. An unhandled rejection is a bug: it is logged and the process exits 1,
 * so that the supervisor starts it afresh.
 *
 * @param faultOf why a start failed, for whoever started it: one line on standard error instead of the log; undefined for a bug
 */
export const runUntilSignal = async (
  part: Part,
  log: Log,
  faultOf: (error: unknown) => string | undefined = () => undefined,
): Promise<void> => {
  let stopping: Promise<void> | undefined
  const stop = (signal: string) => {
    if (stopping) return
    log.info({ signal }, 'stopping')
    setTimeout(() => {
      log.error('the stop took too long')
      process.exit(1)
    }, stopLimitMs).unref()
    stopping = part.stop().then(
      () => {
        log.info('stopped')
        process.exit(0)
      },
      (error: unknown) => {
        log.error({ err: error }, 'the stop failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  process.on('unhandledRejection', (error) => {
    log.fatal({ err: error }, 'unhandled rejection')
    process.exit(1)
  })
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught exception')
    process.exit(1)
  })
  try {
    await part.start()
    log.info('started')
  } catch (error) {
    if (stopping) return
    const fault = faultOf(error)
    if (fault === undefined) log.fatal({ err: error }, 'the start failed')
    else console.error(`error: ${fault}`)
    process.exit(1)
  }
}

/** Kubernetes waits 30 s by default before it kills; a little less leaves room for the last log line. */
const stopLimitMs = 25_000
