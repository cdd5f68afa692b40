// npm run cluster: three nodes of RabbitMQ on this machine, to see what happens when nodes die. `npm run cluster -- --help`.
//
// `start` holds the nodes until Ctrl-C or `stop`; the other commands talk to it by a socket in its folder.
import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { dirname, join, relative, resolve } from 'node:path'
import { root, Trouble } from './bootstrap.mjs'

const help = `npm run cluster -- start|status|kill N|back N|stop

  start     three nodes in one cluster, on free ports of 127.0.0.1; stays up until Ctrl-C or stop
  status    which nodes run, where, and the settings that make the system use them
  kill N    ends node N at once (SIGKILL); it stays away until back
  back N    starts node N again; returns once it is among the others
  stop      stops all nodes

Data, ports and passwords are kept in JOURNEY_CLUSTER_DIR (.journey-cluster).`

const stateDir = resolve(root, process.env.JOURNEY_CLUSTER_DIR || '.journey-cluster')
const socket = join(stateDir, 'control.sock')

const usage = (text) => Object.assign(new Trouble(`${text}\n\n${help}`), { exitCode: 2 })

/** The password stays in its file: whoever pastes the line reads it there. */
const withoutPassword = (urls) =>
  urls.replaceAll(/(:\/\/\w+:)\w+@/g, `$1$$(cat ${relative(process.cwd(), join(stateDir, 'secrets', 'rabbitmq'))})@`)

const show = ({ nodes, url, managementUrl }) =>
  [
    ...nodes.map(
      ({ n, name, running, amqp, management }) =>
        `${n}  ${name.padEnd(20)} ${running ? 'runs' : 'away'}  amqp ${amqp}, management ${management}`,
    ),
    '',
    `RABBITMQ_URL="${withoutPassword(url)}"`,
    `RABBITMQ_MANAGEMENT_URL="${withoutPassword(managementUrl)}"`,
  ].join('\n')

/** Asks the process that holds the cluster. */
const ask = (path) =>
  new Promise((done, failed) => {
    const away = () => failed(new Trouble('No cluster runs here: npm run cluster -- start.'))
    const asking = request({ socketPath: socket, path, method: 'POST' }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => (text += chunk))
      answer.on('end', () => (answer.statusCode === 200 ? done(JSON.parse(text)) : failed(new Trouble(text))))
    })
    asking.on('error', away)
    asking.end()
  })

const hold = async () => {
  const { createCluster, createPorts } = await import('@journey/embedded')
  const { silentLog } = await import('@journey/runtime')
  mkdirSync(stateDir, { recursive: true })
  chmodSync(stateDir, 0o711) // the nodes' account has to get through
  if (
    await ask('/status').then(
      () => true,
      () => false,
    )
  )
    throw new Trouble('The cluster runs already.')
  const cluster = createCluster({ stateDir, ports: createPorts(stateDir), log: silentLog(), note: console.log })
  const state = () => ({ nodes: cluster.status(), url: cluster.url(), managementUrl: cluster.managementUrl() })
  const ended = new Promise((end) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end)
    const answer = async (path) => {
      const [, what, n] = path.split('/')
      if (what === 'kill') await cluster.kill(Number(n))
      if (what === 'back') await cluster.back(Number(n))
      if (what === 'stop') setTimeout(end, 100) // answered first
      return state()
    }
    rmSync(socket, { force: true })
    const server = createServer((asked, response) => {
      answer(asked.url).then(
        (body) => response.end(JSON.stringify(body)),
        (error) => response.writeHead(409).end(error.message),
      )
    }).listen(socket)
    chmodSync(dirname(socket), 0o711)
    server.on('listening', () => chmodSync(socket, 0o600))
    server.unref()
  })
  try {
    const starting = cluster.start()
    await Promise.race([starting, ended.then(() => starting)])
    console.log(`\n${show(state())}\n\nCtrl-C stops it.`)
    await ended
  } finally {
    console.log('stopping…')
    rmSync(socket, { force: true })
    await cluster.stop()
  }
}

const main = async ([command = '', n, ...more]) => {
  if (command === '--help' || command === 'help') return console.log(help)
  if (!existsSync(join(root, 'packages/embedded/dist/index.js')))
    throw new Trouble('Nothing is built yet: run `npm run build` first.')
  const takesNode = command === 'kill' || command === 'back'
  if (!['start', 'status', 'kill', 'back', 'stop'].includes(command)) throw usage('Say what to do.')
  if (more.length > 0 || takesNode !== /^[1-9]$/.test(n ?? '')) throw usage('kill and back take the number of a node.')
  if (command === 'start') return hold()
  const answer = await ask(takesNode ? `/${command}/${n}` : `/${command}`)
  console.log(command === 'stop' ? 'stopping' : show(answer))
}

main(process.argv.slice(2)).then(
  () => process.exit(),
  (error) => {
    console.error(error instanceof Trouble || error?.family ? error.message : error)
    process.exit(error.exitCode ?? 1)
  },
)
