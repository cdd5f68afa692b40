import amqp from 'amqplib'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { until } from '../system.js'
import type { House } from './house.js'
import { malformedMessages } from './malformed.js'

/** One thing that goes wrong, and is over when it resolves. */
export type Fault = {
  component: string
  what: string
  happen: (house: House, clients: readonly string[]) => Promise<void>
}

/** How long a fault lasts that must be ended by hand: long enough that retries and breakers see it. */
const lastsMs = 2_000

const killed = (component: string): Fault => ({
  component,
  what: 'killed -9',
  happen: async ({ kill }) => {
    await sleep(Math.random() * 500) // at no moment in particular
    await kill(component)
  },
})

const restarted = (component: string): Fault => ({
  component,
  what: 'restarted',
  happen: async ({ process }) => {
    await process(component).stop()
    await process(component).start()
  },
})

const cut = (component: string, link: keyof House['links']): Fault => ({
  component,
  what: 'every connection cut',
  happen: ({ links }) => {
    links[link].cut()
    return Promise.resolve()
  },
})

/** PostgreSQL refuses what a trigger on a table refuses, for a time. */
const refusing = (
  what: string,
  {
    component,
    database,
    table,
    code,
    share,
  }: { component: string; database: 'journeys' | 'events'; table: string; code: string; share: number },
): Fault => ({
  component,
  what,
  happen: async ({ sql }) => {
    await sql(
      database,
      `create function spec_refuse() returns trigger language plpgsql as
         $$ begin if random() < ${share} then raise exception '${what}' using errcode = '${code}'; end if; return new; end $$;
       create trigger spec_refuse before insert or update on ${table} for each row execute function spec_refuse()`,
    )
    await sleep(lastsMs)
    await sql(database, `drop trigger spec_refuse on ${table}; drop function spec_refuse()`)
  },
})

const queueDeleted = (component: string, queue: string): Fault => ({
  component,
  what: `queue ${queue} deleted under it`,
  happen: ({ servers }) =>
    onBroker(servers.amqp, async (channel) => {
      await channel.deleteQueue(queue)
      await until(`${queue} is back`, () => isThere(servers.amqp, queue))
    }),
})

const twice = (component: string): Fault => ({
  component,
  what: 'two at once, then one killed -9',
  happen: async ({ second, kill }) => {
    const other = await second(component)
    await sleep(lastsMs)
    await kill(component)
    await sleep(lastsMs)
    other.kill()
  },
})

const skewed = (component: string, minutes: number): Fault => ({
  component,
  what: `a second one whose clock is ${Math.abs(minutes)} minutes ${minutes > 0 ? 'ahead' : 'behind'}`,
  happen: async ({ second }) => {
    const skew = fileURLToPath(new URL('skewed-clock.js', import.meta.url))
    const other = await second(component, {
      NODE_OPTIONS: `--import ${skew}`,
      SPEC_CLOCK_SKEW_MS: String(minutes * 60_000),
    })
    await sleep(2 * lastsMs)
    other.kill()
  },
})

/** Everything that may happen to the system while it works. */
export const faults: readonly Fault[] = [
  ...['command-handler', 'event-relay', 'projector', 'saga-processor', 'notifier', 'api', 'agents'].map(killed),

  killed('rabbitmq'),
  restarted('rabbitmq'),
  cut('rabbitmq', 'broker'),
  {
    component: 'rabbitmq',
    what: 'not reachable for a time',
    happen: async ({ links }) => {
      links.broker.sever()
      await sleep(lastsMs)
      links.broker.mend()
    },
  },
  {
    component: 'rabbitmq',
    what: 'silent for a time',
    happen: async ({ links }) => {
      links.broker.stall()
      await sleep(lastsMs)
      links.broker.flow()
    },
  },
  {
    component: 'rabbitmq',
    what: 'memory alarm, publishers blocked',
    happen: async ({ rabbitmqctl }) => {
      await rabbitmqctl('set_vm_memory_high_watermark', 'absolute', '1')
      await sleep(2 * lastsMs)
      await rabbitmqctl('set_vm_memory_high_watermark', 'absolute', '1GB')
    },
  },
  queueDeleted('projector', 'projector.events.1'),
  queueDeleted('notifier', 'notifier.events'),

  killed('postgres'),
  restarted('postgres'),
  cut('postgres', 'database'),
  {
    component: 'postgres',
    what: 'slow',
    happen: async ({ links }) => {
      for (const end = Date.now() + 2 * lastsMs; Date.now() < end;) {
        links.database.stall()
        await sleep(200)
        links.database.flow()
        await sleep(50)
      }
    },
  },
  {
    component: 'postgres',
    what: 'connection limit reached',
    happen: async ({ session, sql }) => {
      const taken: Awaited<ReturnType<House['session']>>[] = []
      try {
        for (;;) taken.push(await session())
      } catch {
        // there are no more; those of the services must come again, and find none
      }
      await taken[0]?.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where application_name in ('api', 'projector', 'command-handler', 'saga-processor')`)
      await Promise.allSettled([session(), session(), session()]) // some of the freed ones
      await sleep(lastsMs)
      await Promise.all(taken.map((one) => one.end()))
      await until('there is room again', async () => (await sql('journeys', 'select 1')).rowCount === 1)
    },
  },
  {
    component: 'projector',
    what: 'deadlock (40P01)',
    happen: async ({ session, sql }, [client = '']) => {
      const number = async (text: string) => (await sql<{ n: number }>('journeys', text)).rows[0]?.n ?? 0
      const count = () => number('select deadlocks::int as n from pg_stat_database where datname = current_database()')
      const before = await count()
      const one = await session()
      await one.query(`set deadlock_timeout = '60s'`) // so that it is the projector who finds out, and gives way
      await until('the projector ran into a deadlock', async () => {
        await one.query('begin')
        await one.query('select from journey_states where client_id = $1 for update', [client])
        await until(
          'somebody waits for the row',
          async () =>
            (await number(`select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'`)) > 0,
        )
        await one.query('select from projection_gates where stream = $1 for update', [`journey-${client}`])
        await one.query('commit')
        return (await count()) > before
      })
      await one.end()
    },
  },
  refusing('serialization failure', {
    component: 'projector',
    database: 'journeys',
    table: 'journey_states',
    code: '40001',
    share: 0.5,
  }),
  refusing('disk full', {
    component: 'projector',
    database: 'journeys',
    table: 'journey_events',
    code: '53100',
    share: 1,
  }),
  refusing('disk full', {
    component: 'command-handler',
    database: 'journeys',
    table: 'commands',
    code: '53100',
    share: 1,
  }),

  killed('event-store'),
  restarted('event-store'),
  cut('event-store', 'eventStore'),
  refusing('disk full', {
    component: 'event-store',
    database: 'events',
    table: 'event_store.events',
    code: '53100',
    share: 1,
  }),

  twice('event-relay'),
  twice('projector'),
  twice('saga-processor'),
  twice('command-handler'),
  skewed('command-handler', 10),
  skewed('command-handler', -10),
  skewed('saga-processor', 10),
]

/** `JOURNEY_SPEC_MALFORMED=100000 npm test -- --spec faults` sends as many as the requirement asks; each is kept as a dead letter. */
export const malformedCount = (): number => Number(process.env.JOURNEY_SPEC_MALFORMED ?? 5_000)

/** So many go out at once; then the good commands among them must have got on. */
const malformedAtOnce = 5_000

/** Sends messages that nobody can read to every kind of queue, with good commands among them all along. */
export const flood = async ({ servers }: House, count: number, between: () => Promise<void>): Promise<void> => {
  for (let from = 0; from < count; from += malformedAtOnce) {
    await onBroker(servers.amqp, async (channel) => {
      for (const { exchange, key, body, properties } of malformedMessages(
        from,
        Math.min(count, from + malformedAtOnce),
      ))
        if (!channel.publish(exchange, key, body, properties))
          await new Promise((resolve) => channel.once('drain', resolve))
      await channel.waitForConfirms()
    })
    await between()
  }
}

const onBroker = async (url: string, work: (channel: amqp.ConfirmChannel) => Promise<void>): Promise<void> => {
  const connection = await amqp.connect(url)
  connection.on('error', () => undefined)
  const channel = await connection.createConfirmChannel()
  channel.on('error', () => undefined)
  try {
    await work(channel)
  } finally {
    await connection.close().catch(() => undefined)
  }
}

const isThere = async (url: string, queue: string): Promise<boolean> => {
  let found = false
  await onBroker(url, async (channel) => {
    found = await channel.checkQueue(queue).then(
      () => true,
      () => false,
    )
  })
  return found
}
