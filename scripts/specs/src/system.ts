import amqp, { type Channel, type ChannelModel } from 'amqplib'
import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { CommandAnswer } from '@journey/contracts'
import { createStack, removeState, type Endpoints, type Stack } from '@journey/embedded'
import { silentLog } from '@journey/runtime'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Quick agents and short pauses, so that a journey takes seconds. */
const quick = { JOURNEY_AGENTS_DELAY_MS: '5', LOG_LEVEL: 'info' }

/** The whole system, every service a process of its own, with all its servers in a folder that `stop()` removes. */
export type System = {
  endpoints: Endpoints
  stack: Stack
  bus: Bus
  /** Calls the API: `get('/journeys/a')`; the answer's body is read as JSON. */
  get(path: string): Promise<Answer>
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  stop(): Promise<void>
}

export type Answer = { status: number; body: any; headers: Headers }

export const startSystem = async (env: Record<string, string> = {}): Promise<System> => {
  const stateDir = mkdtempSync(join(tmpdir(), 'journey-system-'))
  chmodSync(stateDir, 0o711) // the servers' accounts have to get through
  const stack = createStack({
    root,
    stateDir,
    env: { PATH: process.env.PATH, JOURNEY_API_PORT: '', ...quick, ...env },
    log: silentLog(),
  })
  await stack.start()
  const endpoints = stack.endpoints()
  const bus = await createBus(endpoints.amqp)
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const response = await fetch(`${endpoints.api ?? ''}/api/v1${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers }
  }
  return {
    endpoints,
    stack,
    bus,
    get: (path) => call('GET', path),
    post: (path, body, headers) => call('POST', path, body, headers),
    stop: async () => {
      await bus.close()
      await stack.stop()
      await removeState(stateDir)
    },
  }
}

/** A stranger on the bus: any AMQP client. */
export type Bus = {
  channel: Channel
  /** Publishes a command and waits for the answer to `reply_to`. */
  command(
    type: string,
    data: object,
    over?: { command_id?: string; properties?: amqp.Options.Publish },
  ): Promise<CommandAnswer>
  /** Publishes bytes as they are; the answer comes only if the sender can be told. */
  publish(key: string, body: Buffer | string, properties?: amqp.Options.Publish): Promise<CommandAnswer>
  send(key: string, body: Buffer | string, properties?: amqp.Options.Publish): void
  /** Hears events by pattern from now on. */
  listen(pattern: string): Promise<Heard[]>
  close(): Promise<void>
}

export type Heard = { key: string; event: any; properties: amqp.MessageProperties }

const answerLimitMs = 30_000

export const createBus = async (url: string): Promise<Bus> => {
  const connection: ChannelModel = await amqp.connect(url.split(/,(?=amqps?:)/)[0]!)
  const channel = await connection.createChannel()
  let closed: Promise<void> | undefined
  const waiting = new Map<string, (answer: CommandAnswer) => void>()
  const { queue } = await channel.assertQueue('', { exclusive: true, durable: false, autoDelete: true })
  await channel.consume(
    queue,
    (message) => {
      if (!message) return
      waiting.get(String(message.properties.correlationId))?.(JSON.parse(message.content.toString()) as CommandAnswer)
    },
    { noAck: true },
  )
  const publish: Bus['publish'] = async (key, body, properties = {}) => {
    const correlationId = randomUUID()
    const answered = new Promise<CommandAnswer>((resolve) => waiting.set(correlationId, resolve))
    channel.publish('journey.commands', key, Buffer.from(body), {
      contentType: 'application/json',
      replyTo: queue,
      correlationId,
      ...properties,
    })
    const limit = new AbortController()
    try {
      return await Promise.race([
        answered,
        sleep(answerLimitMs, undefined, { signal: limit.signal }).then(() => {
          throw new Error(`no answer to ${key} within ${answerLimitMs} ms`)
        }),
      ])
    } finally {
      limit.abort()
      waiting.delete(correlationId)
    }
  }
  return {
    channel,
    publish,
    send: (key, body, properties) =>
      void channel.publish('journey.commands', key, Buffer.from(body), {
        contentType: 'application/json',
        persistent: true,
        ...properties,
      }),
    command: (type, data, { command_id = randomUUID(), properties } = {}) =>
      publish(type, JSON.stringify({ command_id, command_type: type, data }), properties),
    listen: async (pattern) => {
      const heard: Heard[] = []
      const own = await channel.assertQueue('', { exclusive: true, durable: false, autoDelete: true })
      await channel.bindQueue(own.queue, 'journey.events', pattern)
      await channel.consume(
        own.queue,
        (message) => {
          if (message)
            heard.push({
              key: message.fields.routingKey,
              event: JSON.parse(message.content.toString()),
              properties: message.properties,
            })
        },
        { noAck: true },
      )
      return heard
    },
    close: () => (closed ??= connection.close()),
  }
}

/** Waits for a condition, asking again and again; the last answer or error is in the failure. */
export const until = async <T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  limitMs = 60_000,
): Promise<T> => {
  const end = Date.now() + limitMs
  let last: unknown
  for (;;) {
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${limitMs} ms`, { cause: last })
    await sleep(50)
  }
}

/** A service as a process of its own, beside those of a stack or in the place of one. */
export const spawnService = (service: string, env: Record<string, string>): ChildProcess =>
  spawn(process.execPath, [join(root, 'services', service, 'dist/main.js')], { cwd: root, env, stdio: 'ignore' })

/** What a living process was started with. */
export const environmentOf = (pid: number): Record<string, string> =>
  Object.fromEntries(
    readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
