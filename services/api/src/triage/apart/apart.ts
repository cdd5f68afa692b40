import type { Retry } from '@journey/read-model'
import { Fault, messageOf, Turns, unavailable, type Environment, type Log } from '@journey/runtime'
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { foreseenBy, type Foreseen } from '../forecast/forecast.js'
import type { Question, Said } from './protocol.js'

/**
 * Tries what has ended its handler again and again, in a process of its own: whoever asks goes on living. One thing at a time; the process
 * stays for the next question, and goes when there is none for a while.
 */
export interface Apart {
  /** @throws unavailable when a server is away */
  message(retry: Retry): Promise<Foreseen>
  /** @param revision from which it waits */
  stream(stream: string, revision: number): Promise<Foreseen>
  /** Tries a parked stream again, in earnest; says how the process ended, where it did. @throws as `retryParked`, `rehearsal/no_process` */
  free(stream: string): Promise<string | undefined>
  /** Ends the process, and with it what it is at. Safe to repeat. */
  stop(): Promise<void>
}

/** Somebody waits for the answer, and what is not done by then is mostly never done. */
const foreseenWithinMs = 3_000
/** In earnest a long stream is worth its time; whoever asked over HTTP still hears of it. */
const freedWithinMs = 30_000
const begunWithinMs = 15_000
/** A process that does not say a word for so long after that is busy, and waits for nobody. */
const busyMs = 500
const idleMs = 10_000
/** What one of them takes must not take the memory of all: it ends there, as its handler would. */
const execArgv = ['--max-old-space-size=256']

const ownProgram = fileURLToPath(new URL('main.js', import.meta.url))

/** What came of a question: an answer; or how the process ended before it gave one; or that it gave none in time, so and so long. */
type Came = { said: Said } | { died: string } | { busy: number } | { late: number }

export const createApart = ({
  env,
  log,
  program = ownProgram,
  withinMs = foreseenWithinMs,
}: {
  /** The settings of the process. */
  env: Environment
  log: Log
  program?: string
  withinMs?: number
}): Apart => {
  const turns = new Turns()
  let helper: Helper | undefined
  let idle: NodeJS.Timeout | undefined
  const stopping = new AbortController()
  const end = async (): Promise<void> => {
    clearTimeout(idle)
    const ending = helper
    helper = undefined
    await ending?.end()
  }
  const ask = (question: Question, limitMs: number): Promise<Came> =>
    turns.take('one', async () => {
      clearTimeout(idle)
      stopping.signal.throwIfAborted()
      helper ??= await begin(program, env)
      const came = await helper.ask(question, limitMs)
      stopping.signal.throwIfAborted() // it was we who ended it
      if ('said' in came) idle = setTimeout(() => void end(), idleMs).unref()
      else await end()
      return came
    })

  const foreseen = async (question: Question, code: string, where: string): Promise<Foreseen> => {
    const fails = (message: string): Foreseen => ({
      ...{ outcome: 'fails', says: `It would end its handler again${where}: ${message}` },
      error: { code, message, details: [] },
    })
    let came: Came
    try {
      came = await ask(question, withinMs)
    } catch (error) {
      return foreseenBy(error)
    }
    if ('died' in came) return fails(`the process in which it was tried ended (${came.died})`)
    if ('busy' in came) return fails(`the process in which it was tried came to nothing else for ${came.busy} ms`)
    if ('late' in came)
      return {
        outcome: 'unknown',
        says: `It still waited for something after ${came.late} ms in a process of its own${where}; whether it ever ends nobody here can tell`,
      }
    if ('foreseen' in came.said) return came.said.foreseen
    throw thrown(came.said)
  }

  return {
    message: (retry) => foreseen({ do: 'foresee_message', retry }, 'message/poison', ''),
    stream: (stream, revision) =>
      foreseen(
        { do: 'foresee_stream', stream },
        'projection/poison',
        `, with ${stream} put aside from revision ${revision} on`,
      ),
    free: async (stream) => {
      const came = await ask({ do: 'free_stream', stream }, freedWithinMs)
      if ('said' in came) {
        if ('freed' in came.said) return undefined
        throw thrown(came.said)
      }
      const how = 'died' in came ? came.died : `not done within ${freedWithinMs} ms`
      log.error({ stream, how }, 'a parked stream has ended the process that tried it again')
      return how
    },
    stop: async () => {
      stopping.abort(unavailable('rehearsal/no_process', 'The service is stopping, and ends what it tries'))
      await end()
    },
  }
}

type Helper = { ask(question: Question, limitMs: number): Promise<Came>; end(): Promise<void> }

/** @throws unavailable `rehearsal/no_process` */
const begin = async (program: string, env: Environment): Promise<Helper> => {
  const child = fork(program, [], {
    env: { ...env },
    execArgv,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const ended = endOf(child)
  /** What it says next. That it hears is no answer to anything but that. */
  const next = async (limitMs: number, { toSign = false } = {}): Promise<Came> => {
    const off = new AbortController()
    try {
      return await Promise.race([
        new Promise<Came>((resolve) => {
          const hear = (said: Said): void => {
            if (toSign || !('here' in said)) resolve({ said })
          }
          child.on('message', hear)
          off.signal.addEventListener('abort', () => child.off('message', hear))
        }),
        ended.then((died) => ({ died })),
        new Promise<Came>((resolve) => {
          const timer = setTimeout(() => resolve({ late: limitMs }), limitMs)
          off.signal.addEventListener('abort', () => clearTimeout(timer))
        }),
      ])
    } finally {
      off.abort()
    }
  }
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  const first = await next(begunWithinMs)
  if (!('said' in first)) {
    await end()
    const how = 'died' in first ? first.died : `not there within ${begunWithinMs} ms`
    throw unavailable('rehearsal/no_process', `No process of its own could be started to try it in: ${how}`)
  }
  return {
    ask: async (question, limitMs) => {
      const put = (one: Question, withinMs: number): Promise<Came> => {
        const answer = next(withinMs, { toSign: one.do === 'answer' })
        child.send(one, () => undefined) // one that is gone says so by its end
        return answer
      }
      const came = await put(question, limitMs)
      if (!('late' in came)) return came
      const sign = await put({ do: 'answer' }, busyMs)
      if ('late' in sign) return { busy: limitMs + busyMs }
      return 'said' in sign && 'here' in sign.said ? came : sign // else it has answered, or ended, after all
    },
    end,
  }
}

const endOf = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    child.once('error', (error) => resolve(messageOf(error)))
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })

/** The error as whoever asked would have had it, had it been here. */
const thrown = (said: Said): Error => {
  if (!('fault' in said)) return new TypeError('That is no answer to what was asked')
  const { family, code, message } = said.fault
  return family === 'bug' ? new Error(message) : new Fault(family, code, message)
}
