import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { run } from './program.js'

/** Nameless users exist: containers run under bare numbers. */
const user = (): string => {
  try {
    return userInfo().username
  } catch {
    return 'journey-cli'
  }
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

const interrupt = new AbortController()
process.once('SIGINT', () => interrupt.abort(new Error('interrupted')))
// A reader that has seen enough, such as head, closes the pipe: no reason to complain.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  isTerminal: process.stdout.isTTY,
  terminal: process.stderr.isTTY ? process.stderr : undefined,
  user: user(),
  version,
  signal: interrupt.signal,
})
