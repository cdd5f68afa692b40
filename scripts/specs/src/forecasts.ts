import { busTypes, type StoredType } from '@journey/contracts'
import type { Database } from '@journey/read-model'
import { randomUUID } from 'node:crypto'
import { approved, freshClient, start, untilSetUp, worksOf } from './journeys.js'
import { createBus, until, type Answer, type Heard, type System } from './system.js'

/** One kind of dead letter: what its forecast says, and what its retry then comes to, both in the same words. */
export type Foretold = {
  id: string
  /** What its forecast must call it. */
  outcome: string
  /** How its row ends; default: `resolved`. A retry that is refused leaves it `open`. */
  ends?: 'resolved' | 'open' | 'retrying'
  foreseen: (forecast: any) => unknown
  /** Asked again until it is as foreseen, or too late. @param retried the answer to the retry */
  came: (retried: Answer) => Promise<unknown>
}

/** A system that runs, what stands in its database, and every event it has told so far. */
export type Running = { system: System; database: Database; heard: readonly Heard[] }

/** The kinds of dead letters there are, each made in a system that runs by then. */
export const foretold = (running: () => Running): Record<string, () => Promise<Foretold>> => {
  const query = async (sql: string): Promise<any[]> => {
    const { db } = running().database
    return (await db.executeQuery({ ...db.selectFrom('agents').selectAll().compile(), sql, parameters: [] })).rows
  }
  /** Makes a dead letter as a service of ours does. */
  const dead = async (queue: string, body: any, routing_key: string, exchange = 'journey.events'): Promise<string> => {
    const code = `spec/${randomUUID()}`
    const { system } = running()
    system.bus.channel.publish('journey.dlx', `dlx.${queue}`, Buffer.from(JSON.stringify(body)), {
      messageId: randomUUID(),
      headers: {
        ...{ 'x-dead-code': code, 'x-dead-reason': 'attempts_used_up', 'x-dead-queue': queue },
        'x-dead-original': JSON.stringify({ exchange, routing_key }),
      },
    })
    const found = async () =>
      (await running().system.get(`/dead-letters?code=${encodeURIComponent(code)}`)).body.items[0]
    return (await until(`a dead letter of ${queue}`, found)).id as string
  }
  const event = (what: string, is: (event: any) => boolean): Promise<any> =>
    until(what, () => Promise.resolve(running().heard.find((one) => is(one.event))?.event))
  const eventOf = (client: string, type: string) =>
    event(`${type} of ${client}`, ({ event_type, data }) => event_type === type && data.client_id === client)
  const command = (id: string) => running().system.get(`/commands/${encodeURIComponent(id)}`)

  /** A command, its answer as foreseen against its answer as it came. */
  const ofCommand = async (
    type: string,
    data: object,
    outcome: string,
    command_id: string = randomUUID(),
  ): Promise<Foretold> => ({
    id: await dead('command-handler.commands', { command_id, data }, type, 'journey.commands'),
    outcome,
    foreseen: ({ command: { status, stream, revision }, error, events }) => ({
      ...{ status, stream, revision, error },
      events: events.map((one: any) => busTypes[one.type as StoredType]),
    }),
    came: async () => {
      const { status, stream, revision, error, events } = (await command(command_id)).body
      return { status, stream, revision, error, events }
    },
  })

  /** A journey whose first task takes as long, and fails so many times before. */
  const busy = async (name: string, simulated: object) => {
    const client = freshClient(name)
    await start(running().system, client, { ...approved, simulate: { provision_sandbox_environment: simulated } })
    const { data } = await eventOf(client, 'task.execution_started')
    return { client, task: data }
  }
  /** One for all that leave it as it is: an agent takes ten such tasks at once, and then nobody's. */
  let slowly: ReturnType<typeof busy> | undefined
  const slow = () => (slowly ??= busy('slow', { delay_ms: 60_000 }))
  const rows = async (table: string, where: string): Promise<any[]> => query(`select * from ${table} where ${where}`)
  const published = ({ work_id, task_id, attempt }: any) =>
    until('its dispatch', async () => {
      const [row] = await rows('dispatches', dispatchOf({ work_id, task_id, attempt }))
      return row?.state === 'published'
    })
  const dispatchOf = ({ work_id, task_id, attempt }: any): string =>
    `work_id = '${work_id}' and task_id = '${task_id}' and attempt = ${attempt}`
  const taskMessage = (task: any, over: object = {}) => ({
    ...{ work_id: task.work_id, task_id: task.task_id, attempt: task.attempt, token: task.token, intent: task.intent },
    ...{ client_id: task.client_id, stage: task.stage, input: {}, parameters: {} },
    ...{ idempotency_key: `${task.work_id}:${task.task_id}`, deadline: '2100-01-01T00:00:00Z', target_agent: null },
    ...over,
  })

  /** How many messages a queue has; undefined when there is none. */
  const depthOf = async (queue: string): Promise<number | undefined> => {
    const probe = await createBus(running().system.endpoints.amqp) // a queue that is missing closes its channel
    probe.channel.on('error', () => undefined)
    const look = probe.channel.checkQueue(queue).then(({ messageCount }) => messageCount)
    return look.catch(() => undefined).finally(() => probe.close())
  }
  /** The queue of an agent that registers, and never takes anything. */
  const queueOf = async (agent_id: string): Promise<string> => {
    await running().system.bus.command('agent.register', { agent_id, name: 'Idle', intents: [`only_${process.pid}`] })
    await until('its queue', async () => (await depthOf(`agent.${agent_id}`)) !== undefined)
    return `agent.${agent_id}`
  }

  /** An event whose rows are gone with its gate, as if the projector had never had it; its rows as foreseen against those that came. */
  const ofRows = async (mentions: string, gone: readonly string[], make: () => Promise<string>): Promise<Foretold> => {
    for (const statement of gone) await query(statement)
    const tables = [
      ...['journey_states', 'unit_of_works', 'stage_transitions', 'exit_criteria_results', 'approvals', 'agents'],
      ...['journey_events', 'received_events', 'knowledge_shares', 'patterns', 'notifications'],
    ]
    const counted = () =>
      Promise.all(
        tables.map(async (table) => {
          const [found] = await query(
            `select count(*)::int as n from ${table} where position('${mentions}' in to_jsonb(${table})::text) > 0`,
          )
          return [table, found.n as number] as const
        }),
      )
    const before = new Map(await counted())
    return {
      id: await make(),
      outcome: 'changes',
      foreseen: (forecast) => forecast.tables,
      came: async () =>
        Object.fromEntries(
          (await counted()).flatMap(([table, n]) => (n > before.get(table)! ? [[table, n - before.get(table)!]] : [])),
        ),
    }
  }
  const heardAgain = (told: any) => () => dead('projector.events.0', told, told.event_type)
  const ungated = (...streams: string[]): string =>
    `delete from projection_gates where stream in (${streams.map((one) => `'${one}'`).join(', ')})`

  const workGone = (work_id: string): string[] => [
    `delete from approvals where work_id = '${work_id}'`,
    `delete from journey_events where stream = 'unit_of_work-${work_id}'`,
    `delete from unit_of_works where work_id = '${work_id}'`,
    ungated(`unit_of_work-${work_id}`),
  ]

  const envelope = (event_type: string, data: object) => ({
    ...{ event_id: randomUUID(), event_type, event_version: '1.0', timestamp: new Date().toISOString() },
    ...{ source: 'spec', data, metadata: { correlation_id: 'spec' } },
  })
  const shared = { knowledge_id: 'k', source_agent_id: 'a', target_agent_ids: ['b'], domain: 'search' }
  /** Something that others publish, once it is recorded and projected. */
  const received = async (event_type: string, data: object) => {
    const told = envelope(event_type, data)
    running().system.bus.channel.publish('journey.events', event_type, Buffer.from(JSON.stringify(told)))
    const known = async () => (await rows('received_events', `event_id = '${told.event_id}'`))[0]
    const { stream, revision, position } = await until(`${event_type} in the read model`, known)
    return { ...told, metadata: { ...told.metadata, stream, revision, position: String(position) } }
  }
  const ofReceived = async (
    event_type: string,
    data: object,
    table: string,
    key?: [string, string],
  ): Promise<Foretold> => {
    const told = await received(event_type, data)
    const { event_id, metadata } = told
    const [column, value] = key ?? ['event_id', event_id]
    const gone = [
      `delete from ${table} where ${column} = '${value}'`,
      `delete from received_events where event_id = '${event_id}'`,
      `update projection_gates set revision = ${metadata.revision - 1} where stream = '${metadata.stream}'`,
    ]
    return ofRows(value, gone, heardAgain(told))
  }

  /** A journey that was cancelled after it had come far: nothing of it moves any more. */
  let rested: Promise<string> | undefined
  const atRest = () =>
    (rested ??= (async () => {
      const client = freshClient('rested')
      await start(running().system, client)
      await untilSetUp(running().system, client)
      await running().system.bus.command('journey.cancel', { client_id: client, reason: 'over' })
      await until('the end of all its work', async () => {
        const works = await worksOf(running().system, client)
        const ended = await rows('admissions', `client_id = '${client}' and state = 'ended'`)
        return works.every(({ status }) => status !== 'in_progress') && ended.length === works.length
      })
      return client
    })())

  return {
    'a command that is refused': () =>
      ofCommand('journey.hold', { client_id: freshClient('refused'), reason: 'wait' }, 'refused'),
    'a command that is accepted': () =>
      ofCommand('journey.start', { client_id: freshClient('accepted'), data_sources: ['jira'] }, 'changes'),
    'a command that changes nothing': async () => {
      const { client } = await slow()
      return ofCommand('journey.release', { client_id: client, reason: 'go' }, 'nothing')
    },
    'a command that was handled before': async () => {
      const data = { client_id: freshClient('before'), data_sources: ['jira'] }
      const command_id = randomUUID()
      await running().system.bus.command('journey.start', data, { command_id })
      const foretold = await ofCommand('journey.start', data, 'nothing', command_id)
      // It gets its first answer again; the forecast lists what would be appended, which is nothing.
      const { came } = foretold
      return { ...foretold, came: async (retried) => ({ ...((await came(retried)) as object), events: [] }) }
    },
    'a command under the id of another': async () => {
      const command_id = randomUUID()
      await running().system.bus.command('journey.hold', { client_id: freshClient('key'), reason: 'a' }, { command_id })
      const id = await dead(
        'command-handler.commands',
        { command_id, data: { client_id: freshClient('key'), reason: 'b' } },
        'journey.hold',
        'journey.commands',
      )
      return {
        id,
        outcome: 'refused',
        foreseen: ({ error }) => error.code,
        came: async () =>
          (await command(command_id)).body.error.code === 'journey/unknown' ? 'command/key_reused' : '',
      }
    },
    'a command that is malformed': async () => {
      const data = { client_id: freshClient('malformed'), users: 7 }
      const id = await dead(
        'command-handler.commands',
        { command_id: randomUUID(), data },
        'journey.start',
        'journey.commands',
      )
      return {
        ...{ id, outcome: 'fails', ends: 'open' as const },
        foreseen: ({ error: { code, message } }) => ({ code, message, retries: 1, tries: 1 }),
        came: async () => {
          const { code, message, retries, tries } = (await running().system.get(`/dead-letters/${id}`)).body
          return { code, message, retries, tries: tries.length }
        },
      }
    },
    'an agent that registers': async () => {
      const agent_id = `foretold-${randomUUID()}`
      const foretold = await ofCommand(
        'agent.register',
        { agent_id, name: 'Foretold', intents: ['foretell'] },
        'changes',
      )
      return {
        ...foretold,
        foreseen: (forecast) => [foretold.foreseen(forecast), forecast.tables],
        came: async (retried) => [
          await foretold.came(retried),
          { agent_heartbeats: (await rows('agent_heartbeats', `agent_id = '${agent_id}'`)).length },
        ],
      }
    },
    'the result of a task': async () => {
      const { task } = await busy('result', { delay_ms: 60_000 })
      const { work_id, task_id, attempt, token } = task
      const output = { environment_id: 'env-1', status: 'ready' }
      return ofCommand('task.complete', { work_id, task_id, attempt, token, output }, 'changes')
    },
    'the failure of a task': async () => {
      const { task } = await busy('failure', { delay_ms: 60_000 })
      const { work_id, task_id, attempt, token } = task
      return ofCommand(
        'task.fail',
        { work_id, task_id, attempt, token, code: 'spec/failed', retryable: true },
        'changes',
      )
    },
    'a result under a token that nobody was given': async () => {
      const { task } = await slow()
      const { work_id, task_id, attempt } = task
      return ofCommand('task.complete', { work_id, task_id, attempt, token: 'none', output: {} }, 'refused')
    },
    'a result that comes too late': async () => {
      const { work_id, task_id, attempt, token } = (await eventOf(await atRest(), 'task.execution_started')).data
      return ofCommand('task.fail', { work_id, task_id, attempt, token, code: 'spec/failed' }, 'changes')
    },

    'a task that is still to be done': async () => {
      const { task } = await busy('open', { delay_ms: 1_500 })
      await published(task)
      return {
        id: await dead(`tasks.${task.intent}`, taskMessage(task), task.intent, 'journey.tasks'),
        outcome: 'changes',
        foreseen: ({ tasks }) => tasks.map(({ agents }: any) => agents.length > 0),
        came: async () => [(await eventOf(task.client_id, 'task.execution_completed')).data.task_id === task.task_id],
        ends: 'retrying',
      }
    },
    'a task for an agent that is not alive': async () => {
      const agent_id = `away-${randomUUID()}`
      const queue = await queueOf(agent_id)
      await query(`delete from agent_heartbeats where agent_id = '${agent_id}'`)
      const { task } = await slow()
      return {
        id: await dead(queue, taskMessage(task), queue, 'journey.tasks'),
        ...{ outcome: 'waits', ends: 'retrying' as const },
        foreseen: ({ tasks }) => tasks.map(({ agents }: any) => [agents, 1]),
        came: async () => [[[], await depthOf(queue)]],
      }
    },
    'a task whose queue is gone': async () => {
      const agent_id = `gone-${randomUUID()}`
      const queue = await queueOf(agent_id)
      const { task } = await slow()
      const id = await dead(queue, taskMessage(task), queue, 'journey.tasks')
      await running().system.bus.channel.deleteQueue(queue)
      return {
        ...{ id, outcome: 'not_possible', ends: 'open' as const },
        foreseen: ({ error }) => error.code,
        came: ({ body }) => Promise.resolve(body.code),
      }
    },

    'an event that begins a unit of work': async () => {
      const { client, task } = await slow()
      const [{ command: sent }] = await rows('admissions', `work_id = '${task.work_id}'`)
      await query(`delete from admissions where work_id = '${task.work_id}'`)
      await query(`delete from commands where command_id = '${sent.id}'`)
      return {
        id: await dead('saga-processor.events', await eventOf(client, 'journey.started'), 'journey.started'),
        outcome: 'changes',
        foreseen: ({ commands, tables }) => [
          commands.map(({ command_id, command_type }: any) => [command_id, command_type]),
          tables,
        ],
        came: async () => {
          const { status, body } = await command(sent.id)
          const admissions = (await rows('admissions', `work_id = '${task.work_id}'`)).length
          return [status === 200 && body.status === 'accepted' ? [[sent.id, body.command_type]] : [], { admissions }]
        },
      }
    },
    'an event that hands a task out': async () => {
      const { client, task } = await slow()
      await published(task)
      await query(`delete from dispatches where ${dispatchOf(task)}`)
      const { work_id, task_id, attempt, intent } = task
      return {
        id: await dead(
          'saga-processor.events',
          await eventOf(client, 'task.execution_started'),
          'task.execution_started',
        ),
        outcome: 'changes',
        foreseen: ({ tasks, tables }) => [
          tasks.map(({ agents, ...rest }: any) => ({ ...rest, alive: agents.length > 0 })),
          tables,
        ],
        came: async () => {
          const found = await rows('dispatches', dispatchOf(task))
          const alive = found[0]?.state === 'published'
          return [[{ work_id, task_id, attempt, intent, known: false, alive }], { dispatches: found.length }]
        },
      }
    },
    'an event that sets a timer': async () => {
      const { client } = await busy('timed', { fail_times: 1, delay_ms: 5 })
      const told = await eventOf(client, 'task.retry_scheduled')
      const due = await until('its command', async () => {
        const [row] = await rows(
          'commands',
          `command_type = 'task.start_retry' and about = 'unit_of_work-${told.data.work_id}'`,
        )
        return row?.status === 'accepted' && row
      })
      await query(`delete from commands where command_id = '${due.command_id}'`)
      return {
        id: await dead('saga-processor.events', told, 'task.retry_scheduled'),
        outcome: 'changes',
        foreseen: ({ commands }) => commands.map(({ command_id, command_type }: any) => [command_id, command_type]),
        came: async () => {
          const { status, body } = await command(due.command_id)
          return status === 200 && body.status === 'accepted' ? [[body.command_id, body.command_type]] : []
        },
      }
    },
    'an event that makes room': async () => {
      const client = await atRest()
      const works = await worksOf(running().system, client, 'sandbox')
      const work = works.find(({ status }) => status === 'completed')
      await query(`update admissions set state = 'admitted', ended_at = null where work_id = '${work.work_id}'`)
      const told = await event(
        'the end of its work',
        ({ event_type, data }) => event_type === 'unit_of_work.completed' && data.work_id === work.work_id,
      )
      return {
        id: await dead('saga-processor.events', told, told.event_type),
        outcome: 'changes',
        foreseen: ({ tables }) => tables,
        came: async () => {
          const [{ state }] = await rows('admissions', `work_id = '${work.work_id}'`)
          return state === 'ended' ? { admissions: 1 } : {}
        },
      }
    },

    'an event that led to all it leads to': async () => {
      const { client } = await slow()
      return {
        id: await dead('saga-processor.events', await eventOf(client, 'journey.started'), 'journey.started'),
        outcome: 'nothing',
        foreseen: ({ commands, tables }) => [commands.map(({ known }: any) => known), tables],
        came: async () => [(await rows('admissions', `client_id = '${client}'`)).map(() => true), {}],
      }
    },

    'an event that the world outside is told of': async () => {
      const told = await eventOf(await atRest(), 'journey.stage_promoted')
      await query(`delete from deliveries where event_id = '${told.event_id}'`)
      return {
        id: await dead('notifier.events', told, told.event_type),
        outcome: 'changes',
        foreseen: ({ deliveries }) => deliveries,
        came: async () =>
          (await rows('deliveries', `event_id = '${told.event_id}'`)).map(
            ({ channel, target, event_type, state, payload }) => ({
              ...{ channel, target, event_type, state, payload, known: false },
            }),
          ),
      }
    },
    'an event that the world outside was told of': async () => {
      const told = await eventOf(await atRest(), 'journey.stage_promoted')
      return {
        id: await dead('notifier.events', told, told.event_type),
        outcome: 'nothing',
        foreseen: ({ deliveries }) => deliveries.length,
        came: async () => (await rows('deliveries', `event_id = '${told.event_id}'`)).length,
      }
    },
    'an event of others': async () => {
      const told = envelope('knowledge.shared', shared)
      return {
        id: await dead('knowledge.events', told, told.event_type),
        outcome: 'changes',
        foreseen: ({ events }) => events.map(({ stream, revision, data }: any) => ({ stream, revision, data })),
        came: async () =>
          (await rows('received_ids', `event_id = '${told.event_id}'`)).map(({ stream, revision }) => ({
            ...{ stream, revision, data: told },
          })),
      }
    },
    'an event of others that was recorded before': async () => {
      const { metadata, ...told } = await received('knowledge.shared', shared)
      return {
        id: await dead('knowledge.events', { ...told, metadata: { correlation_id: 'spec' } }, told.event_type),
        outcome: 'nothing',
        foreseen: ({ events }) => [events.length, metadata.revision],
        came: async () => [0, (await rows('received_ids', `event_id = '${told.event_id}'`))[0].revision],
      }
    },
    'an event of others that cannot be read': async () => {
      const told = envelope('knowledge.shared', {})
      const id = await dead('knowledge.events', told, told.event_type)
      return {
        ...{ id, outcome: 'fails', ends: 'open' as const },
        foreseen: ({ error: { code, message } }) => ({ code, message }),
        came: async () => {
          const { code, message } = (await running().system.get(`/dead-letters/${id}`)).body
          return { code, message }
        },
      }
    },

    'a journey that the read model lacks': async () => {
      const client = await atRest()
      const works = (await worksOf(running().system, client)).map(({ work_id }) => work_id as string)
      const ofWorks = `work_id in (${works.map((one) => `'${one}'`).join(', ')})`
      const { event: last } = [...running().heard]
        .reverse()
        .find((one) => one.event.metadata.stream === `journey-${client}`)!
      const gone = [
        `delete from approvals where ${ofWorks}`,
        ...['exit_criteria_results', 'stage_transitions', 'journey_events', 'unit_of_works', 'journey_states'].map(
          (table) => `delete from ${table} where client_id = '${client}'`,
        ),
        ungated(`journey-${client}`, ...works.map((one) => `unit_of_work-${one}`)),
      ]
      return ofRows(client, gone, heardAgain(last))
    },
    'a unit of work that the read model lacks, with its approvals': async () => {
      const told = await eventOf(await atRest(), 'approval.requested')
      return ofRows(told.data.work_id as string, workGone(told.data.work_id as string), heardAgain(told))
    },
    'a unit of work that was put aside as poison': async () => {
      const { data, metadata } = await eventOf(await atRest(), 'unit_of_work.completed')
      const { stream, revision } = metadata
      return {
        ...(await ofRows(data.work_id as string, workGone(data.work_id as string), async () => {
          await query(`insert into parked_streams (consumer, stream, first_revision, last_seen, code, message, parked_at, attempts)
            values ('projector', '${stream}', 0, ${revision}, 'projection/poison', 'spec', now(), 1)`)
          return `parked:projector:${stream}`
        })),
      }
    },
    'an agent that the read model lacks': async () => {
      const agent_id = `lacking-${randomUUID()}`
      await running().system.bus.command('agent.register', {
        agent_id,
        name: 'Lacking',
        intents: [`only_${process.pid}`],
      })
      const told = await event(
        'its event',
        ({ event_type, data }) => event_type === 'agent.created' && data.agent_id === agent_id,
      )
      await until('its row', async () => (await rows('agents', `agent_id = '${agent_id}'`)).length > 0)
      const gone = [
        `delete from journey_events where stream = 'agent-${agent_id}'`,
        `delete from agents where agent_id = '${agent_id}'`,
        ungated(`agent-${agent_id}`),
      ]
      return ofRows(agent_id, gone, heardAgain(told))
    },
    'knowledge that the read model lacks': () => ofReceived('knowledge.shared', shared, 'knowledge_shares'),
    'a pattern that the read model lacks': () => ofReceived('pattern.learned', { pattern_id: 'p' }, 'patterns'),
    'a notification that the read model lacks': () =>
      ofReceived('notification.sent', { channel: 'email' }, 'notifications'),
    "somebody else's agent that the read model lacks": () => {
      const agent_id = `others-${randomUUID()}`
      const data = { agent_id, type: 'agent', cognitive_pattern: null, created_by: 'spec' }
      return ofReceived('agent.created', data, 'agents', ['agent_id', agent_id])
    },
  }
}
