// What cannot be started here without Docker is held against what the services really read, serve and count.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { OrchestratorSettings, queuesOfAgent, queuesOfIntent, topologyFor } from '@journey/contracts'
import { ServerSettings, variablesOf } from '@journey/runtime'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { parse } from 'yaml'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const read = (path) => readFileSync(join(root, path), 'utf8')
const composeText = read('docker-compose.yml')
const { services, volumes } = parse(composeText, { merge: true })
const prometheus = parse(read('infra/prometheus/prometheus.yml'))
const duties = readdirSync(join(root, 'services'))

/** What the images of others read, by their documentation. */
const documented = {
  rabbitmq: ['RABBITMQ_DEFAULT_USER', 'RABBITMQ_DEFAULT_PASS'],
  eventstore: ['EVENTSTORE_CLUSTER_SIZE', 'EVENTSTORE_INSECURE', 'EVENTSTORE_RUN_PROJECTIONS'],
  postgres: ['POSTGRES_DB', 'POSTGRES_USER', 'POSTGRES_PASSWORD'],
  prometheus: [],
}

const variables = (type) => variablesOf(type).map(([, variable]) => variable)

/** The environment that a service of ours reads: its own settings class and, through the configuration, the orchestrator's. */
const readBy = async (duty) => {
  const settings = await import(pathToFileURL(join(root, 'services', duty, 'dist/settings.js')))
  const type = Object.values(settings).find((value) => value?.prototype instanceof ServerSettings)
  return [...variables(type), ...variables(OrchestratorSettings)]
}

const filesUnder = (folder, ending) =>
  readdirSync(join(root, folder), { recursive: true })
    .filter((file) => file.endsWith(ending) && !file.includes('node_modules') && !file.includes('dist/'))
    .map((file) => join(folder, file))

describe('docker-compose.yml', () => {
  it('starts every service there is, each with its own program', () => {
    const commands = duties.map((duty) => services[duty]?.command)
    expect(commands).to.deep.equal(duties.map((duty) => [`services/${duty}/dist/main.js`]))
    for (const { command: [program = ''] = [] } of Object.values(services))
      if (program.endsWith('.js')) expect(existsSync(join(root, program)), program).to.equal(true)
  })

  for (const duty of duties)
    it(`gives ${duty} no variable that it does not read`, async () => {
      expect(await readBy(duty)).to.include.members(Object.keys(services[duty].environment))
    })

  it('gives no other container a variable that it does not read', () => {
    const known = { ...documented, migrate: variables(ServerSettings) }
    const others = Object.keys(services).filter((name) => !duties.includes(name))
    expect(others).to.have.members(Object.keys(known))
    for (const name of others) expect(known[name]).to.include.members(Object.keys(services[name].environment ?? {}))
  })

  it('pins every image by a tag', () => {
    for (const [name, { image }] of Object.entries(services)) expect(image, name).to.match(/^[\w./-]+:v?\d[\w.-]*$/)
  })

  it('lets services start once migrations are done and the servers are healthy', () => {
    for (const duty of duties)
      expect(services[duty].depends_on, duty).to.deep.equal({
        migrate: { condition: 'service_completed_successfully' },
        rabbitmq: { condition: 'service_healthy' },
        eventstore: { condition: 'service_healthy' },
      })
    expect(services.migrate.depends_on).to.deep.equal({ postgres: { condition: 'service_healthy' } })
    for (const name of ['rabbitmq', 'eventstore', 'postgres'])
      expect(services[name].healthcheck.test, name).to.be.an('array')
  })

  it('holds no secret, only the names of variables', () => {
    for (const [name, { environment = {} }] of Object.entries(services))
      for (const [variable, value] of Object.entries(environment))
        if (/PASS|SECRET|TOKEN/.test(variable)) expect(value, `${name}.${variable}`).to.match(/^\$\{\w+:(\?[^}]+|-)\}$/)
    for (const [, userinfo] of composeText.matchAll(/:\/\/(\S*?)@/g)) expect(userinfo).to.match(/^\w+:\$\{/)
  })

  it('asks for exactly the variables that .env.example lists, and that lists no secret', () => {
    const asked = new Set([...composeText.matchAll(/\$\{(\w+)/g)].map(([, name]) => name))
    const example = [...read('.env.example').matchAll(/^(\w+)=(.*)$/gm)]
    expect(example.map(([, name]) => name)).to.have.members([...asked])
    for (const [, name, value] of example) if (/PASS|SECRET|TOKEN/.test(name)) expect(value, name).to.equal('')
  })

  it('publishes nothing beyond this machine', () => {
    const published = Object.values(services).flatMap(({ ports = [] }) => ports)
    for (const port of published) expect(port).to.match(/^127\.0\.0\.1:/)
  })

  it('mounts files that are there, and volumes that it declares', () => {
    const sources = Object.values(services).flatMap(({ volumes: mounts = [] }) =>
      mounts.map((mount) => mount.split(':')[0]),
    )
    const [files, named] = [
      sources.filter((name) => name.startsWith('.')),
      sources.filter((name) => !name.startsWith('.')),
    ]
    for (const file of files) expect(existsSync(join(root, file)), file).to.equal(true)
    expect([...new Set(named)]).to.have.members(Object.keys(volumes))
  })
})

describe('the image of the services', () => {
  const dockerfile = read('infra/docker/Dockerfile')

  it('runs a Node that the packages take', () => {
    const [, wanted] = /^>=(\d+\.\d+)/.exec(JSON.parse(read('package.json')).engines.node)
    const versions = [...dockerfile.matchAll(/^FROM node:([\d.]+)-/gm)].map(([, version]) => version)
    expect(versions).to.deep.equal([wanted, wanted])
  })

  it('runs as nobody special', () => expect(dockerfile).to.match(/^USER node$/m))

  it('listens for the health check where docker-compose.yml says', () => {
    const ports = new Set(duties.map((duty) => services[duty].environment.JOURNEY_HEALTH_PORT))
    expect([...ports]).to.deep.equal(['9464'])
    expect(dockerfile).to.match(/^EXPOSE 8080 9464$/m)
  })
})

describe('what Prometheus and Grafana look at', () => {
  const counted = ['packages', 'services']
    .flatMap((floor) => filesUnder(floor, '.ts'))
    .flatMap((file) => [...read(file).matchAll(/'(journey_\w+)'/g)].map(([, name]) => name))

  const unknownIn = (text) =>
    [...text.matchAll(/\bjourney_\w+/g)]
      .map(([name]) => name.replace(/_(bucket|sum|count)$/, (ending) => (counted.includes(name) ? ending : '')))
      .filter((name) => !counted.includes(name))

  it('is every service', () => {
    const [
      {
        static_configs: [{ targets }],
      },
    ] = prometheus.scrape_configs.filter(({ job_name }) => job_name === 'journey-orchestrator')
    expect(targets).to.have.members(duties.map((duty) => `${duty}:9464`))
  })

  it('is on hosts that docker-compose.yml starts', () => {
    const targets = prometheus.scrape_configs.flatMap(({ static_configs }) =>
      static_configs.flatMap(({ targets }) => targets),
    )
    for (const host of targets.map((target) => target.split(':')[0]))
      expect([...Object.keys(services), 'localhost']).to.include(host)
  })

  it('is metrics that exist, in every alert and every panel', () => {
    const rules = prometheus.rule_files.flatMap((file) =>
      parse(read(`infra/prometheus/${file}`)).groups.flatMap(({ rules }) => rules),
    )
    const { dashboard } = JSON.parse(read('infra/grafana/journey-orchestrator-dashboard.json'))
    const expressions = [
      ...rules.map(({ expr }) => expr),
      ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ]
    expect(expressions.flatMap(unknownIn)).to.deep.equal([])
  })

  it('are all queues but the waiting ones, where too much waits and where nobody takes it', () => {
    const rules = parse(read('infra/prometheus/alerts.yml')).groups.flatMap(({ rules }) => rules)
    const queues = [
      ...topologyFor({ version: '3.10.8' }).queues,
      ...queuesOfIntent('install_connectors'),
      ...queuesOfAgent('data-agent-1'),
    ].map(({ name }) => name)
    for (const alert of ['QueueDeep', 'QueueUnattended']) {
      const { expr } = rules.find((rule) => rule.alert === alert)
      const [, of, butNot] = /queue=~"([^"]+)", queue!~"([^"]+)"/.exec(expr)
      const watched = queues.filter((name) => RegExp(`^(${of})$`).test(name) && !RegExp(`^(${butNot})$`).test(name))
      expect(watched, alert).to.deep.equal(queues.filter((name) => !name.includes('.retry.')))
    }
  })

  it('are the alerts of ARCH-003 section 10.2, with their severities', () => {
    const { groups } = parse(read('infra/prometheus/alerts.yml'))
    const [{ rules }] = groups.filter(({ name }) => name === 'journey')
    expect(Object.fromEntries(rules.map(({ alert, labels }) => [alert, labels.severity]))).to.deep.equal({
      HighRollbackRate: 'P2',
      StageTransitionFailure: 'P1',
      ExitCriteriaDegradation: 'P2',
      SystemThroughputLow: 'P2',
    })
  })

  it('are the three panels of TECH-003 section 6.2, as they stand there', () => {
    const { dashboard } = JSON.parse(read('infra/grafana/journey-orchestrator-dashboard.json'))
    const panels = dashboard.panels
      .slice(0, 3)
      .map(({ title, type, targets }) => ({ title, type, exprs: targets.map(({ expr }) => expr) }))
    expect({ title: dashboard.title, panels }).to.deep.equal({
      title: 'Journey Orchestration',
      panels: [
        { title: 'Active Journeys by Stage', type: 'graph', exprs: ['journey_active_count'] },
        {
          title: 'Stage Duration (P50, P95)',
          type: 'graph',
          exprs: [
            'histogram_quantile(0.50, rate(journey_stage_duration_seconds_bucket[5m]))',
            'histogram_quantile(0.95, rate(journey_stage_duration_seconds_bucket[5m]))',
          ],
        },
        { title: 'Rollback Rate (24h)', type: 'singlestat', exprs: ['rate(journey_rollback_total[24h])'] },
      ],
    })
  })
})
