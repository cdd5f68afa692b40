// npm run chaos: a consumer behind a lying broker, seed after seed, on servers of its own. The first seed that fails ends it.
//
//   npm run chaos -- --seeds 1000                      a thousand of them, for the projector
//   npm run chaos -- --seeds 1 --seed 4711             one again
//   npm run chaos -- --consumer command-handler        or notifier; saga-processor, with the whole system around it
import { parseArgs } from 'node:util'
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import { build, checkNode, root } from './bootstrap.mjs'

const whole = (name, text, least) => {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= least) return number
  console.error(`--${name} must be a whole number from ${least} on, not ${text}`)
  process.exit(2)
}

const consumers = {
  projector: 'services/projector/dist/testing/chaos.js',
  'command-handler': 'services/command-handler/dist/testing/chaos.js',
  notifier: 'services/notifier/dist/testing/chaos.js',
  'saga-processor': 'scripts/specs/dist/chaos.js',
}

const { values } = parseArgs({
  options: {
    consumer: { type: 'string', default: 'projector' },
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    build: { type: 'boolean', default: true },
  },
  allowNegative: true,
})
const seeds = whole('seeds', values.seeds, 1)
const first = whole('seed', values.seed, 0)
if (!Object.hasOwn(consumers, values.consumer)) {
  console.error(`--consumer must be one of ${Object.keys(consumers).join(', ')}, not ${values.consumer}`)
  process.exit(2)
}

checkNode()
if (values.build) await build()
const load = (path) => import(pathToFileURL(join(root, path)).href)
const { createTestServers } = await load('packages/embedded/dist/testing/index.js')
const { runChaos } = await load(consumers[values.consumer])

const servers = await createTestServers((process.env.PATH ?? '').split(':'))
let stopping
const stop = () => (stopping ??= servers.stop())
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stop().then(() => process.exit(1)))
try {
  await servers.start()
  Object.assign(process.env, servers.env())
  const begun = Date.now()
  let done = 0
  const { failed, told } = await runChaos({
    first,
    seeds,
    tell: (seed) => {
      done++
      if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${seeds}, seed ${seed} `)
      else if (done % 50 === 0) console.log(`${done} of ${seeds}, seed ${seed}`)
    },
  })
  if (process.stderr.isTTY) process.stderr.write('\n')
  const lies = Object.entries(told)
    .map(([lie, times]) => `${lie} ${times}`)
    .join(', ')
  console.log(`${done} of ${seeds} seeds hold, ${((Date.now() - begun) / 1000).toFixed(0)} s; deliveries: ${lies}`)
  if (failed) {
    console.error(
      `seed ${failed.seed} fails: npm run chaos -- --consumer ${values.consumer} --seeds 1 --seed ${failed.seed}\n${failed.why}`,
    )
    process.exitCode = 1
  }
} finally {
  await stop()
}
