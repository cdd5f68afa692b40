// Docker's question whether the service of this container does its work: its own /ready, on the port it was given.
const port = process.env.JOURNEY_HEALTH_PORT ?? '9464'
const ready = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(4_000) })
if (!ready.ok) {
  console.error(await ready.text()) // docker inspect shows it
  process.exitCode = 1
}
