import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { busTypes, commandQueue, isStoredType, type CommandAnswer } from '@journey/contracts'
import {
  createLyingBroker,
  eachSeed,
  eventually,
  randomOf,
  temperOf,
  type ChaosResult,
  type ChaosRun,
} from '@journey/messaging/testing'
import { openHouse } from './house.js'

const clients = 3
const commandsEach = 24
const answeredWithinMs = 30_000

type Command = { command_id: string; command_type: string; data: Record<string, unknown> }

/**
 * Runs the command-handler behind a lying broker, once for each seed: some clients are commanded this and that, many commands come twice,
 * some keys with another body, and the broker drops, repeats and reorders their deliveries and closes channels and connections, as the seed
 * says. Then every connection is cut, and what was dropped comes again, as with any broker. Each publishing must be answered, each
 * command with one answer, and the streams must hold what was accepted, once and where it was told. Stops at the first seed that
 * fails. Needs the servers of a test run.
 */
export const runChaos = async (run: ChaosRun): Promise<ChaosResult> => {
  const house = await openHouse({ isServed: false })
  const lying = await createLyingBroker(house.amqpUrl, (queue) => queue === commandQueue, { isLost: false })
  await house.startAgain({ RABBITMQ_URL: lying.url, RABBITMQ_PREFETCH: '10' })

  const runSeed = async (seed: number): Promise<string | undefined> => {
    const random = randomOf(seed)
    const names = Array.from({ length: clients }, (_, n) => `chaos-${n}-${randomUUID()}`)
    const commands = commandsOf(random, names)
    const temper = temperOf(random)
    lying.lie = () => temper()
    const published: { command: Command; asked: string }[] = []
    for (const command of commands)
      published.push({ command, asked: await house.publish(command.command_type, command) })
    await sleep(random() * 50)
    lying.lie = undefined
    lying.cut()
    try {
      await eventually('every answer', () => published.every(({ asked }) => house.answers.has(asked)), answeredWithinMs)
    } catch {
      const lost = published.filter(({ asked }) => !house.answers.has(asked))
      return `not answered: ${lost.map(({ command }) => `${command.command_type} ${command.command_id}`).join(', ')}`
    }
    return (
      wrongIn(published.map(({ command, asked }) => ({ command, answers: house.heard.get(asked)! }))) ??
      (await wrongStream(names, published))
    )
  }

  /** The streams against what was answered. */
  const wrongStream = async (
    names: readonly string[],
    published: readonly { asked: string }[],
  ): Promise<string | undefined> => {
    const accepted = new Map<string, CommandAnswer>()
    for (const { asked } of published) {
      const answer = house.answers.get(asked)!
      if (answer.status === 'accepted' && answer.events.length > 0) accepted.set(answer.command_id, answer)
    }
    for (const name of names) {
      const stream = `journey-${name}`
      const events = await house.store.read(stream)
      const holes = events.filter(({ revision }, n) => revision !== n)
      if (holes.length > 0) return `${stream} has holes`
      const told = [...accepted.values()]
        .filter((answer) => answer.stream === stream)
        .sort((one, other) => one.revision! - other.revision!)
        .flatMap(({ command_id, revision, events: types }) =>
          types.map((type, n) => `${revision! - types.length + 1 + n} ${type} by ${command_id}`),
        )
      const done = events.map(
        ({ revision, type, metadata }) =>
          `${revision} ${isStoredType(type) ? busTypes[type] : type} by ${String(metadata.$causationId)}`,
      )
      if (!isDeepStrictEqual(done, told)) return `${stream} holds\n${done.join('\n')}\nand told was\n${told.join('\n')}`
    }
    return undefined
  }

  try {
    const held = await eachSeed(
      run,
      async (seed) =>
        (await runSeed(seed)) ?? ((await house.deadLetters()).length > 0 ? 'there are dead letters' : undefined),
    )
    return { ...held, told: lying.told }
  } finally {
    await lying.close()
    await house.close()
  }
}

/** Whatever was answered to one command is the same, but that one key with two bodies is refused for one of them. */
const wrongIn = (published: readonly { command: Command; answers: readonly CommandAnswer[] }[]): string | undefined => {
  const first = new Map<string, CommandAnswer>()
  for (const { command, answers } of published)
    for (const answer of answers) {
      const body = JSON.stringify(command)
      const before = first.get(body) ?? answer
      first.set(body, before)
      if (!isDeepStrictEqual(before, answer))
        return `${body} was told\n${JSON.stringify(before)}\n${JSON.stringify(answer)}`
    }
  return undefined
}

/** Every client is started; the rest is chance. A fifth comes again, a tenth comes with another body under its key. */
const commandsOf = (random: () => number, names: readonly string[]): Command[] => {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!
  const commands: Command[] = names.map((client_id) => ({
    command_id: randomUUID(),
    command_type: 'journey.start',
    data: { client_id, data_sources: ['jira'] },
  }))
  while (commands.length < clients * commandsEach) {
    const dice = random()
    const again = pick(commands)
    if (dice < 0.2) commands.push(again)
    else if (dice < 0.3 && again.data.reason !== undefined)
      commands.push({ ...again, data: { ...again.data, reason: 'another' } })
    else
      commands.push({
        command_id: randomUUID(),
        command_type: dice > 0.98 ? 'journey.cancel' : pick(['journey.hold', 'journey.release', 'journey.promote']),
        data: { client_id: pick(names), reason: 'chaos' },
      })
  }
  return commands
}
