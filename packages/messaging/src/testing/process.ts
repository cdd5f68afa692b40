import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { eventually } from './eventually.js'

/** A process of its own, as in production. */
export type Process = { pid: number; kill: (signal?: NodeJS.Signals) => Promise<void> }

/** Runs a service's main module and waits until it says in its log that it has started. */
export const startProcess = async (main: string, env: Record<string, string>): Promise<Process> => {
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = once(child, 'exit')
  let said = ''
  const hear = (chunk: Buffer) => void (said += chunk.toString())
  child.stdout.on('data', hear)
  await eventually(
    'the process to start',
    () => {
      if (child.exitCode !== null) throw new Error(`${main} ended with ${child.exitCode}: ${said}`)
      return said.includes('"msg":"started"')
    },
    60_000,
  )
  child.stdout.off('data', hear).resume()
  return {
    pid: child.pid!,
    kill: async (signal = 'SIGKILL') => {
      child.kill(signal)
      if (signal === 'SIGKILL' || signal === 'SIGTERM') await gone
    },
  }
}
