import { serveApart } from '../triage/apart/child.js'

/** Stands in the place of the process apart, and ends as the name of the stream or message says. */
const end = (name: string): Promise<never> => {
  const held: number[][] = []
  if (name.includes('killed')) process.kill(process.pid, 'SIGKILL')
  if (name.includes('busy')) for (;;) held.length = 0
  if (name.includes('hungry')) for (;;) held.push(new Array<number>(5_000_000).fill(held.length))
  return new Promise(() => undefined)
}

serveApart({
  forecaster: { message: ({ message_id }) => end(message_id ?? ''), stream: end },
  freeStream: end,
})
