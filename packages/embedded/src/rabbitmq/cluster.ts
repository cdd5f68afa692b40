import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, type Log, type Part } from '@journey/runtime'
import { knownHome, serverHome } from '../state/home.js'
import type { Ports } from '../state/ports.js'
import { secretOf } from '../state/secret.js'
import type { SupervisedProcess } from '../supervisor/process.js'
import { until } from '../supervisor/until.js'
import { ensureInstalled, epmdProcess, loginOf, managementUrlOf, nodeProcess } from './node.js'
import { environment, type BrokerPorts } from './settings.js'

export type ClusterOptions = {
  stateDir: string
  ports: Ports
  /** How many nodes; three by default, of which one may be down. */
  size?: number
  log: Log
  /** Hears of slow steps. */
  note?: (text: string) => void
}

export type NodeStatus = {
  n: number
  name: string
  running: boolean
  amqp: number
  management: number
  pid: number | null
}

/**
 * A cluster of RabbitMQ nodes on one machine, each with its data, names and ports of its own, all on 127.0.0.1, with one name server
 * of theirs. For trying out what happens when nodes die: unlike the single broker, a node that was killed stays away until `back`.
 */
export type Cluster = Part & {
  /** `amqp://` of every node, with commas between. */
  url(): string
  /** The management API of every node, with commas between. */
  managementUrl(): string
  /** Kills a node, 1 to the size, with SIGKILL; it stays away. */
  kill(n: number): Promise<void>
  /** Starts a node that was killed; resolves when it runs among the others. */
  back(n: number): Promise<void>
  status(): NodeStatus[]
}

/** A node waits for the others' tables at its start, and the machine may be busy. */
const readyLimitMs = 180_000

/** Nodes find each other by this list at their first start; a minority that is cut off pauses rather than go on by itself. */
const settingsOf = (size: number): Record<string, string> => ({
  'cluster_formation.peer_discovery_backend': 'classic_config',
  ...Object.fromEntries(
    numbers(size).map((n) => [`cluster_formation.classic_config.nodes.${n}`, `${nodeNameOf(n)}@localhost`]),
  ),
  cluster_partition_handling: 'pause_minority',
})

const numbers = (size: number): number[] => Array.from({ length: size }, (_, index) => index + 1)
const nodeNameOf = (n: number): string => `journey${n}`
const serverOf = (n: number): string => `rabbitmq-${n}`

/** @throws (from `start`) unavailable `embedded/rabbitmq_missing`, `embedded/install_failed`, `embedded/process_failed` */
export const createCluster = (options: ClusterOptions): Cluster => {
  const { stateDir, ports, size = 3, log, note = () => undefined } = options
  const all = numbers(size)
  const portsOf = new Map<number, BrokerPorts>()
  const running = new Map<number, SupervisedProcess>()
  let epmd: SupervisedProcess | undefined

  const choosePorts = async (): Promise<void> => {
    const epmdPort = await ports.of('cluster_epmd')
    for (const n of all)
      portsOf.set(n, {
        amqp: await ports.of(`cluster_${n}_amqp`),
        management: await ports.of(`cluster_${n}_management`),
        prometheus: await ports.of(`cluster_${n}_prometheus`),
        distribution: await ports.of(`cluster_${n}_distribution`),
        epmd: epmdPort,
      })
  }

  const run = async (n: number): Promise<void> => {
    const process = nodeProcess({
      stateDir,
      name: serverOf(n),
      ports: portsOf.get(n)!,
      nodeName: nodeNameOf(n),
      settings: settingsOf(size),
      cookie: secretOf(stateDir, 'erlang-cookie'),
      readyLimitMs,
      log,
    })
    running.set(n, process)
    await process.start()
    note(`node ${n} runs on port ${portsOf.get(n)!.amqp}`)
  }

  /** All that should run do, in the eyes of one of them. */
  const untilTogether = async (): Promise<void> => {
    const [first] = running.keys()
    await until(async () => {
      const nodes = await nodesSeenBy(managementUrlOf(stateDir, portsOf.get(first!)!))
      if (nodes.filter((node) => node.running).length < running.size) throw new Error('not all nodes are together yet')
    }, AbortSignal.timeout(readyLimitMs))
  }

  const isNew = (n: number): boolean => {
    const home = knownHome(stateDir, serverOf(n))
    return !home || !existsSync(join(home.folder, 'mnesia'))
  }

  const startAll = async (): Promise<void> => {
    await ensureInstalled(note)
    await choosePorts()
    const home = serverHome(stateDir, serverOf(1), ['rabbitmq'])
    const env = environment(home.folder, portsOf.get(1)!, nodeNameOf(1))
    epmd = epmdProcess({ stateDir, home, port: portsOf.get(1)!.epmd, env, log })
    await epmd.start()
    // Made one after the first they find a cluster to join; later they wait for each other, whoever went last.
    const [first = 1, ...others] = all
    if (isNew(first)) await run(first)
    await Promise.all((running.has(first) ? others : all).map(run))
    await untilTogether()
  }

  const find = (n: number): BrokerPorts => {
    const found = portsOf.get(n)
    if (!found) throw new Fault('refused', 'embedded/unknown_node', `There is no node ${n}; there are 1 to ${size}.`)
    return found
  }

  const stopAll = async (): Promise<void> => {
    await Promise.all([...running.values()].map((process) => process.stop()))
    running.clear()
    await epmd?.stop()
  }

  return {
    name: 'rabbitmq cluster',
    url: () => all.map((n) => `amqp://${loginOf(stateDir)}@127.0.0.1:${find(n).amqp}/%2F`).join(','),
    managementUrl: () => all.map((n) => managementUrlOf(stateDir, find(n))).join(','),
    start: async () => {
      try {
        await startAll()
      } catch (error) {
        await stopAll()
        throw error
      }
    },
    stop: stopAll,
    kill: async (n) => {
      find(n)
      const node = running.get(n)
      if (!node) return
      running.delete(n)
      const pid = node.pid()
      const stopped = node.stop() // so that nobody starts it again
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      await stopped
      note(`node ${n} was killed`)
    },
    back: async (n) => {
      find(n)
      if (running.has(n)) return
      await run(n)
      await untilTogether()
    },
    status: () =>
      all.map((n) => {
        const pid = running.get(n)?.pid() ?? null
        const { amqp, management } = find(n)
        return { n, name: `${nodeNameOf(n)}@localhost`, running: pid !== null, amqp, management, pid }
      }),
  }
}

const nodesSeenBy = async (managementUrl: string): Promise<{ running: boolean }[]> => {
  const { origin, username, password } = new URL(managementUrl)
  const answer = await fetch(`${origin}/api/nodes?columns=name,running`, {
    headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
    signal: AbortSignal.timeout(5_000),
  })
  if (!answer.ok) throw new Error(`the management API answered ${answer.status}`)
  return (await answer.json()) as { running: boolean }[]
}
