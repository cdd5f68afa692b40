import {
  agentQueue,
  CommandDataClasses,
  exchanges,
  intentQueue,
  queuesOfAgent,
  queuesOfIntent,
  validate,
  type CommandAnswer,
  type Topology,
} from '@journey/contracts'
import {
  correlate,
  createBreaker,
  createConnection,
  createConsumer,
  createListener,
  createPublisher,
  pipeline,
  settle,
  type Connection,
  type Message,
} from '@journey/messaging'
import { codeOf, familyOf, type Log, type Part } from '@journey/runtime'
import type { Registry } from 'prom-client'
import { completed, failed, type Answer } from './answer.js'
import { metersIn } from './meters.js'
import { createOnce, type Once } from './once.js'
import { createPresence } from './presence.js'
import { createSend, type Registration } from './sending.js'
import { deliveryKeyOf, readTask, type Task } from './task.js'
import { TaskFailure } from './task-failure.js'
import { aborted, sleep } from './waiting.js'

/**
 * Does one task and returns its output, a JSON object (nothing stands for `{}`). Throw a `TaskFailure` to say how it failed.
 *
 * The same task may come again, after a crash or a lost connection: `task.idempotency_key` is the same for every attempt of
 * it. `signal` is aborted when the task's deadline has passed, or when the agent stops and has waited long enough; what is
 * returned after the deadline is still told (and recorded as late), what is thrown after it is not.
 */
export type IntentHandler = (task: Task, context: { signal: AbortSignal; log: Log }) => Promise<object | undefined>

export type AgentOptions = {
  /** 1 to 200 of `A-Z a-z 0-9 . _ -`; two processes with one id are one agent twice, and share its tasks. */
  id: string
  /** For people. */
  name: string
  /** What the agent can do, by intent: 1 to 100 of `a-z 0-9 _`. */
  intents: Readonly<Record<string, IntentHandler>>
  log: Log
  type?: string
  version?: string
  registry?: Registry
  /** How many tasks of one intent are done at once; 10 unless told otherwise. */
  prefetch?: number
  /** DESIGN.md section 5: an agent counts as alive for three intervals; 10 s is what others reckon with. */
  heartbeatMs?: number
  /** How long a stop waits for tasks under way. What is not done then goes back to the broker, for whoever offers the intent. */
  drainMs?: number
} & (
  | { /** Shared with others, who start and stop it. */ connection: Connection; url?: never }
  | { /** `amqp://…`; the agent then has a connection of its own. */ url: string; connection?: never }
)

/** Runs of one process, by connection: a task given back by one agent may come to another one on the same connection. */
const runs = new WeakMap<Connection, Once>()

/**
 * An agent: takes the tasks of its intents, and those addressed to it, from the broker, hands each to its handler and answers
 * with `task.complete` or `task.fail`. Registers, sends heartbeats, and goes on by itself when the broker or the orchestrator
 * was away.
 *
 * A task is acknowledged after the broker has confirmed its answer, so that none is lost; one attempt never runs twice at once in
 * a process, and not again once answered. `start()` resolves when tasks are taken, and waits as long as the broker is away;
 * `stop()` takes no more tasks and waits for those under way.
 *
 * @throws malformed `command/invalid`: id, name, intents, type or version are not what `agent.register` takes
 */
export const createAgent = (options: AgentOptions): Part => {
  const { id, intents, prefetch = 10, heartbeatMs = 10_000, drainMs = 15_000 } = options
  const registration = registrationOf(options)
  const log = options.log.child({ agent: id })
  const meters = options.registry && metersIn(options.registry)
  const connection = options.connection ?? createConnection({ url: options.url, name: id, log })
  const once = runs.get(connection) ?? createOnce()
  runs.set(connection, once)
  const publisher = createPublisher({ connection })
  const send = createSend({ publisher, agentId: id, now: () => new Date() })
  const stopping = new AbortController()
  const underWay = new Set<AbortController>()

  const replies = createListener({
    connection,
    bindings: [],
    log,
    handler: (message) => {
      hear(JSON.parse(message.body.toString()) as CommandAnswer)
      return Promise.resolve()
    },
  })

  const presence = createPresence({
    registration,
    send,
    replyTo: () => replies.address(),
    activeTasks: () => underWay.size,
    intervalMs: heartbeatMs,
    log,
  })

  const hear = (answer: CommandAnswer): void => {
    if (presence.hear(answer) || answer.status === 'accepted') return
    log.warn({ command: answer.command_id, status: answer.status, error: answer.error }, 'an answer was not taken')
  }

  const take = async (message: Message): Promise<void> => {
    const task = readTask(message.body)
    await once(deliveryKeyOf(task), async () => {
      const answer = await answerTo(task, message)
      if (answer) await tell(answer, message)
    })
  }

  /** Does the task; undefined when there is nothing to say about it. Never rejects unless the agent stops. */
  const answerTo = async (task: Task, { log }: Message): Promise<Answer | undefined> => {
    const { intent } = task
    const ids = { workId: task.work_id, taskId: task.task_id, attempt: task.attempt, intent, client: task.client_id }
    const left = Date.parse(task.deadline) - Date.now()
    if (left <= 0) {
      meters?.tasks.inc({ intent: labelOf(intent), outcome: 'expired' })
      log.warn({ ...ids, deadline: task.deadline }, 'the task came after its deadline')
      return undefined
    }
    const run = new AbortController()
    underWay.add(run)
    const timer = setTimeout(() => run.abort(), Math.min(left, longestTimerMs))
    const stopTimer = meters?.seconds.startTimer({ intent: labelOf(intent) })
    meters?.active.set({ agent: id }, underWay.size)
    let answer: Answer
    try {
      const handler = handlerOf(intent)
      answer = completed(task, id, await handler(task, { signal: run.signal, log: log.child(ids) }))
    } catch (error) {
      if (stopping.signal.aborted) throw error
      answer = failed(task, id, error)
      const fields = { ...ids, ...(error instanceof TaskFailure ? { code: error.code } : { err: error }) }
      if (run.signal.aborted) {
        meters?.tasks.inc({ intent: labelOf(intent), outcome: 'expired' })
        log.warn(fields, 'the task ran out of time')
        return undefined
      }
    } finally {
      clearTimeout(timer)
      underWay.delete(run)
      meters?.active.set({ agent: id }, underWay.size)
      stopTimer?.()
    }
    const outcome = answer.type === 'task.complete' ? 'completed' : 'failed'
    meters?.tasks.inc({ intent: labelOf(intent), outcome })
    log.info({ ...ids, outcome, ...(answer.type === 'task.fail' && { code: answer.data.code }) }, 'task done')
    return answer
  }

  /** Publishes until the broker has confirmed it; a repeat is the same command. */
  const tell = async (answer: Answer, { properties: { messageId, correlationId }, log }: Message): Promise<void> => {
    const context = { correlationId, causationId: messageId }
    for (let failures = 0; ;) {
      try {
        await send({ ...answer, ...context, replyTo: replies.address() })
        return
      } catch (error) {
        const isOver = stopping.signal.aborted || codeOf(error) === 'broker/stopped'
        if (isOver || familyOf(error) !== 'unavailable') throw error
        failures++
        log.warn({ code: codeOf(error), failures }, 'the answer could not be published; it is tried again')
        await sleep(Math.min(5_000, 50 * 2 ** Math.min(failures, 10)), stopping.signal)
      }
    }
  }

  const handlerOf = (intent: string): IntentHandler => {
    const handler = Object.hasOwn(intents, intent) ? intents[intent] : undefined
    if (handler) return handler
    throw new TaskFailure('agent/intent_not_offered', `${id} does not offer ${intent}.`)
  }

  /** Labels are from a closed set; the intent of a message addressed to the agent may be any text. */
  const labelOf = (intent: string): string => (Object.hasOwn(intents, intent) ? intent : 'other')

  const handler = pipeline(
    correlate(log),
    settle({ publisher, breaker: createBreaker({ name: id, log }), service: id, steps: [] }),
    async (message) => {
      try {
        await take(message)
      } catch (error) {
        // Unacknowledged until the channel is closed: then the broker gives it to another.
        if (stopping.signal.aborted) await aborted(message.signal)
        throw error
      }
    },
  )
  const consumers = [...Object.keys(intents).map(intentQueue), agentQueue(id)].map((queue) =>
    createConsumer({ connection, queue, prefetch, handler, log, drainMs }),
  )
  let forget = (): void => undefined
  let heartbeat: NodeJS.Timeout | undefined

  const stop = async (): Promise<void> => {
    clearInterval(heartbeat)
    forget()
    await Promise.all(consumers.map((consumer) => consumer.stop()))
    stopping.abort()
    for (const run of underWay) run.abort()
    await replies.stop()
    await publisher.stop()
    if (!options.connection) await connection.stop()
  }
  let stopped: Promise<void> | undefined

  return {
    name: `agent ${id}`,
    start: async () => {
      if (!options.connection) await connection.start()
      await declare(connection, tableOf(registration), stopping.signal)
      forget = connection.onDown(() => presence.lost())
      await replies.start()
      await Promise.all(consumers.map((consumer) => consumer.start()))
      if (stopped) return
      presence.beat()
      heartbeat = setInterval(() => presence.beat(), heartbeatMs)
    },
    stop: () => (stopped ??= stop()),
  }
}

/** Timers know no longer delay; beyond it they would fire at once. */
const longestTimerMs = 2 ** 31 - 1

const registrationOf = ({ id, name, intents, type, version }: AgentOptions): Registration => {
  const registration = {
    agent_id: id,
    name,
    intents: Object.keys(intents),
    ...(type !== undefined && { type }),
    ...(version !== undefined && { version }),
  }
  validate(CommandDataClasses.RegisterAgent, registration)
  return registration
}

const tableOf = ({ agent_id, intents }: Registration): Topology => ({
  exchanges: Object.values(exchanges),
  queues: [...intents.flatMap(queuesOfIntent), ...queuesOfAgent(agent_id)],
})

/** Declares, again as often as the connection is lost meanwhile. */
const declare = async (connection: Connection, table: Topology, signal: AbortSignal): Promise<void> => {
  for (;;) {
    await connection.whenUp()
    try {
      await connection.declare(table)
      return
    } catch (error) {
      if (signal.aborted || codeOf(error) !== 'broker/away') throw error
      await sleep(100, signal)
    }
  }
}
